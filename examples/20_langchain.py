"""LangChain: a chain, a stream and an agent's message, each of them whole. Needs continuum-llm[langchain]."""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from continuum.langchain import ContinuumChatModel
from continuum.testing import SimulatedProvider, sample_documents

ESSAY = sample_documents()["essay"]

# A stand-in for the real service, so that this runs without a key.
with SimulatedProvider(ESSAY, behaviours=["overlap:40"]) as server:
    chat = ChatOpenAI(model="any-model", base_url=server.openai_base_url, api_key="none", max_tokens=200)
    model = ContinuumChatModel(model=chat)  # the only line that changes

    chain = ChatPromptTemplate.from_template("Write an essay about {topic}.") | model | StrOutputParser()
    print(chain.invoke({"topic": "lighthouses"})[-80:])

    text = "".join(chunk.text for chunk in model.stream("Write it."))

    message = model.invoke("Write it.")
    account = message.response_metadata["continuum"]
    print(f"complete: {account['complete']}, {account['rounds']} rounds, {message.usage_metadata}")
    print(f"first join: {account['seams'][0]}")

assert text == message.text == ESSAY
