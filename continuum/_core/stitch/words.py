"""What words consist of, and the commonest of some languages: a text that has not used them yet may still do so.

The English ones are the more, with those that are written as one though they are made of two.
"""

from __future__ import annotations

_WORDS = """
    the of and to in is that it for was on are as with be this by at from or an not have which you but his they all can
    has had will one their more if when there been other were do would what about who so than then into only some out up
    its our use used also how may no any these such two over through where he she we her your see first new after most
    each every another both few several many much own same either neither between within without across against along
    among around before behind below above under until since during toward towards upon per via despite except although
    though because while whether unless whereas therefore however instead rather quite almost always never often
    sometimes usually already still yet again once twice here away back down off very too even just well now today soon
    later early late ago far near next last second third three four five six seven eight nine ten hundred thousand
    million half am being does did done doing having get gets got getting give gives given giving go goes going gone
    went come comes coming came take takes taken taking took make makes made making keep keeps kept let lets put puts
    set sets run runs running ran say says said tell tells told ask asks asked call calls called need needs needed want
    wants wanted know knows known think thinks thought find finds found show shows shown look looks looking help helps
    helped start starts started begin begins began stop stops end ends ended work works worked working try tries tried
    turn turns turned move moves moved read reads reading write writes written writing wrote build builds built create
    creates created change changes changed add adds added remove removes removed include includes included including
    follow follows followed following provide provides provided allow allows allowed require requires required return
    returns returned remain remains become becomes became seem seems mean means meant hold holds held bring brings
    brought leave leaves left grow grows grown learn learned lead leads led play plays pay pays paid meet meets met send
    sends sent receive receives received store stores stored load loads loaded save saves open opens opened close closes
    closed check checks checked test tests tested testing support supports supported contain contains describe describes
    described define defines defined explain consider considered expect expected ensure apply applies applied choose
    choice decide increase increased reduce reduced improve improved develop developed design designed manage handle
    update updated replace replaced must shall should could might cannot able important different possible necessary
    available common simple complex small large great good better best bad worse high higher low lower long longer short
    full empty whole main major general special specific particular certain clear easy hard free true false real right
    wrong old young public private local global single multiple various similar equal current previous recent future
    past final original basic standard normal modern social human natural national international economic political
    financial technical physical legal medical cultural historical central strong weak fast slow ready sure likely safe
    key people person man woman men women child children family friend friends group team member members company
    government state country city town world nation society community student students teacher school university user
    users customer customers client server system systems service services data information file files code program
    function functions value values type types name names number numbers list table row column field object class method
    model models module package version project process product production market business industry trade price cost
    costs money time times day days week month year years hour minute moment century age life death water food house
    home land sea air fire light night morning place places point points line lines part parts side area region space
    level rate order form forms case cases example examples result results effect effects problem problems question
    questions answer answers reason reasons fact facts idea ideas way ways thing things word words language book books
    page pages section sections chapter text title document message messages request requests response error errors
    event events option options parameter input output memory network web site link image source target action actions
    step steps task tasks plan goal research study science theory methods analysis evidence experience knowledge skill
    skills education training health care treatment disease patient patients law rule rules rights policy power force
    energy material materials environment climate nature history culture art music story war peace growth development
    management performance quality control security risk access resource resources structure feature features somebody
    someone something somewhere somehow anybody anyone anything anywhere anyway everybody everyone everything everywhere
    nobody nothing nowhere onto inside outside whatever whenever wherever whoever moreover furthermore meanwhile
    otherwise thereby myself yourself himself herself itself ourselves themselves maybe understand understanding
    overview overall online offline database background foreground keyword keyboard feedback framework software hardware
    workflow outcome income website dataset notebook password username filename timestamp workshop weekend tonight
    throughout underlying download upload outline setup backup lookup makeup breakdown shutdown baseline deadline
    guideline guidelines headline pipeline timeline lifetime runtime sometime household highlight highlights insight
    insights worldwide widespread nevertheless nonetheless notwithstanding layout checkout standalone breakthrough
    landscape leadership ownership membership relationship relationships partnership landmark benchmark benchmarks
    bookmark handbook textbook countryside airport passport transport import export report reports forecast

    der die und das ist nicht von zu mit den auf für im ein eine dem des sich auch es als an werden aus er hat dass sie
    nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man
    sein wurde sei kann wenn ich alle diese dieser keine

    le la les de des du et en un une est que qui dans pour pas sur par au avec il elle plus ce ne se sont ont ou mais
    comme aux cette être nous vous leur ses son sa on sans fait même si peut deux tout ces dont entre

    el los las del que una con por para como más pero sus al lo ha este esta son entre cuando todo desde muy sin sobre
    también hasta hay donde quien o y su se no es fue ser

    di che il un per è non una sono da come alla del della nel dei più gli anche ma si lo ha delle al con questo quando
    essere ho hanno suo nella dal loro ed

    que não uma com por mais os dos da do como mas foi ao ele das tem seu sua ou ser quando muito já está também só pelo
    pela até isso

    van het een en dat op te voor met zijn aan niet er om ook als dan maar bij nog worden uit naar heeft wordt deze door

    och att det som på är av för med den till inte om ett har de var jag men från så kan när eller nu vid

    w na z że do nie się jest jak po od za dla co to ale przez przy oraz może tylko czy był być już tak jego

    и в на не что с как по из он это но к за то все для от бы же так его или если когда только был было еще ещё уже мы
    вы они она мне меня при об до того чтобы которые который
"""
COMMON = frozenset(_WORDS.split())


def in_word(char: str) -> bool:
    """Whether words have such characters: `\\w` of regular expressions."""
    return char.isalnum() or char == "_"
