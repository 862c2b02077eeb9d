"""English words that the splitter knows: places, times, weather, people, speech, feelings.

Plain word lists, written as they are read; the modules that use them build the patterns.
"""

from komadori.domain.story import Setting, TimeOfDay, Weather

PLACES: dict[Setting, str] = {
    Setting.INDOORS: (
        "room bedroom kitchen hall hallway corridor hut cottage cabin palace castle church "
        "chapel temple monastery inn tavern shop store bakery library office school classroom "
        "attic cellar basement parlour parlor study chamber stairs staircase stairwell fireside "
        "fireplace hearth house home indoors inside workshop barn stable kitchen bathroom "
        "apartment flat hotel lobby restaurant cafe café bar hospital ward museum theatre "
        "theater laboratory lab lamp-room bakehouse lighthouse tent dungeon throne-room "
        "ballroom tower bed sofa armchair desk elevator"
    ),
    Setting.STREET: (
        "street streets road roads lane alley alleyway town city village market marketplace "
        "square plaza sidewalk pavement crossroads station gate gates avenue crosswalk rooftop "
        "rooftops downtown cobbles highway bus-stop courtyard"
    ),
    Setting.FOREST: (
        "forest woods wood trees jungle grove thicket woodland pines birches oaks undergrowth "
        "bamboo orchard clearing glade treetops"
    ),
    Setting.WATER: (
        "sea ocean river riverbank lake pond stream brook creek shore beach boat ship harbour "
        "harbor bay island quay pier jetty dock water waves waterfall canoe raft deck seashore "
        "coast "
        "lagoon reef wharf waterside ferry"
    ),
    Setting.MOUNTAIN: (
        "mountain mountains mountainside hill hills hilltop hillside cliff cliffs peak summit "
        "ridge valley cave cavern gorge canyon crag glacier volcano"
    ),
    Setting.FIELD: (
        "field fields meadow meadows farm garden plain plains grassland pasture desert prairie "
        "heath moor park lawn vineyard dunes hayfield wheat"
    ),
}
NOT_PLACES = (
    "home town|home made|wood fire|piece of wood|pieces of wood|made of wood|wheat bread|"
    "at sea about|plain to see|sea of|field of view|study hard|inside out|field mouse|"
    "garden gate|front gate|house mouse|church mouse|street lamp|street lamps|city mouse|"
    "town mouse|country mouse|river of|bed of|park bench"
)
ARRIVALS = (
    "went go goes walk walks walked ran run runs came come comes step steps stepped climb "
    "climbs climbed enter enters entered reach reaches reached arrive arrives arrived return "
    "returns returned hurry hurried rush rushed crept wandered rode rowed sailed led followed "
    "crossed drove flew swam slipped fell plunged hiked marched strolled trotted raced dashed "
    "wound brought carried crawled found stood sat lay lived woke waited stumbled burst pulled "
    "moved travelled traveled set"
)
ARRIVAL_PREPOSITIONS = (
    "into to onto in at through across up down along on inside by over beside under out"
)
PREPOSITIONS = (
    "in on at by along across through under inside into onto beside behind near between among "
    "beneath around above over atop up down outside"
)
HOMEWARD = (
    "walk walks walked walking go goes went going run runs ran running hurry hurries hurried "
    "hurrying head heads headed heading drive drives drove driving ride rides rode riding way "
    "journey road trudged strolled marched"
)
LEAVING = "from leaving left beyond past toward towards about like than for"

TIMES: dict[TimeOfDay, str] = {
    TimeOfDay.DAY: (
        r"mornings?(?! star)|sunrise|dawn|daybreak|noon|midday|afternoon|daylight|broad day|"
        r"the sun (?:rose|came up|was (?:high|up|shining))|first light|next day|sunshine|sunny"
    ),
    TimeOfDay.DUSK: (
        r"evening|dusk|twilight|sunset|sundown|nightfall|"
        r"the sun (?:was (?:setting|sinking|low)|set|sank|went down)"
    ),
    TimeOfDay.NIGHT: (
        r"(?<!good )(?<!last )nights?(?! before)|tonight|midnight|moonlight|moonlit|starlight|"
        r"the moon (?:rose|hung|shone|was|came)|"
        r"(?:under|beneath) the (?:moon|stars)|it (?:was|grew|got) dark"
    ),
}
WEATHERS: dict[Weather, str] = {
    Weather.SNOW: r"snow(?:ed|ing|y|fall|flakes?|storm|drifts?)?(?! white)|blizzard|sleet",
    Weather.RAIN: (
        r"rain(?:ed|ing|s|y|storm|drops?)?|drizzle|downpour|thunder(?:storm|ed)?|lightning|"
        r"(?:a|the) storm|hailstones"
    ),
    Weather.CLEAR: (
        r"(?:rain|snow|storm|thunder)[^.!?]{0,20}(?:stopped|passed|ended|cleared|was over|"
        r"had gone)|"
        r"the (?:sky|skies) (?:cleared|was clear|were clear)|the sun (?:came out|rose|shone|"
        r"was shining)|sunny|clear morning"
    ),
}
TIME_JUMP = (
    r"(?:(?:early |late )?(?:the )?(?:next|following) (?:day|morning|evening|night|afternoon|week|"
    r"month|year|spring|summer|autumn|winter)|that (?:same )?(?:night|evening|morning|afternoon|"
    r"day)|"
    r"one (?:\w+ )?(?:day|morning|evening|night|afternoon)|"
    r"(?:\w+ ){0,2}(?:hours?|days?|weeks?|months?|years?|seasons?) (?:later|afterwards?|passed)|"
    r"(?:after|for) (?:\w+ ){1,2}(?:hours|days|weeks|months|years)|meanwhile|"
    r"when (?:morning|evening|night|spring|summer|autumn|winter) (?:came|fell))\b"
)

SPEECH_VERBS = (
    "said says say asked asks replied replies answered answers cried cries shouted shouts "
    "whispered whispers exclaimed exclaims muttered mutters murmured murmurs "
    "yelled yells growled growls sighed sighs laughed laughs begged begs added adds told tells "
    "snapped snaps continued declared announced announces insisted demanded screamed gasped "
    "croaked squeaked roared agreed admitted remarked observed repeated warned ordered "
    "explained thought wondered breathed hissed grumbled chuckled sobbed giggled purred "
    "barked promised suggested interrupted mumbled pleaded chirped squawked protested"
)
MALE_PRONOUNS = "he him his himself"
FEMALE_PRONOUNS = "she her hers herself"
PLURAL_PRONOUNS = "they them both themselves"

TITLES = (
    "Mr Mrs Miss Ms Dr Captain King Queen Prince Princess Uncle Aunt Auntie Old Professor Sir "
    "Lady Lord Father Mother Sister Brother Grandma Grandpa Grandfather Grandmother Doctor "
    "Master Inspector Colonel Sergeant Granny Madame Madam Detective Officer Young Little"
)
MALE_ROLES = (
    "man boy king prince father grandfather grandpa uncle brother son husband captain sailor "
    "soldier knight farmer fisherman woodcutter miller baker shepherd blacksmith tailor priest "
    "monk emperor wizard gentleman guard thief hunter huntsman merchant waiter policeman "
    "postman lord giant dad sheriff watchman ferryman keeper lad"
)
FEMALE_ROLES = (
    "woman girl queen princess mother grandmother grandma aunt sister daughter wife witch lady "
    "maid nurse nun empress stepmother stepsister godmother fairy mermaid waitress hostess mum "
    "mom bride"
)
OTHER_ROLES = (
    "child doctor teacher professor stranger traveller traveler shopkeeper innkeeper driver judge "
    "detective officer inspector student writer librarian cook servant neighbour neighbor ghost "
    "robot "
    "astronaut pilot scientist engineer mechanic clerk conductor musician pianist painter poet"
)
ANIMAL_ROLES = (
    "dragon fox crow wolf lion mouse hare tortoise rabbit bear cat dog bird frog goat horse "
    "donkey pig "
    "owl monkey tiger elephant raven cock rooster hen duck duckling goose swan snake spider ant "
    "grasshopper fish crane deer sparrow eagle hedgehog squirrel turtle sheep lamb cow bull ox"
)
ROLE_ADJECTIVES = "old young little elder younger elderly tall"
MALE_NAMES = (
    "Hansel Tom Jack John James William Will Henry George Peter Paul David Daniel Sam Ben Max "
    "Leo Hugo Oliver Arthur Charles Thomas Robert Edward Harry Hans Ivan Alex Adam Noah Luke "
    "Mark Martin Oscar Felix Theo Finn Jonas Frank Fred Walter Simon Nick Mike Michael Joe "
    "Bob Bill Jim Tim Dan Elias Gepetto"
)
FEMALE_NAMES = (
    "Mary Anna Anne Ann Alice Emma Emily Elizabeth Jane Kate Lucy Clara Rose Sarah Sara Sophie "
    "Sophia Ella Lily Mina Nina Nora Maria Margaret Grace Helen Julia Laura Olivia Ruth Ada Eva "
    "Eve Ida Iris Cinderella Gretel Heidi Dorothy Wendy Rapunzel Susan Betty Molly Amy Beth Jo "
    "Marta Hannah Mei Lena"
)
NOT_NAMES = (
    "The A An He She It They We You I His Her Its Their Our My Your This That These Those There "
    "Here Then Now When While Where Why What Who How Which Whose And But Or So Yet For Nor If "
    "As At In On By To From With Without Into Onto Over Under After Before Since Until Once "
    "Again Still Just Only Even Ever Never Always Often Soon Later Suddenly Finally Meanwhile "
    "Perhaps Maybe Yes No Not Oh Ah Well Hello Hey Hi Please Thank Thanks Sorry Good Bad Great "
    "All Some Any Every Each Both One Two Three Four Five Six Seven Eight Nine Ten Many Much "
    "More Most Few Nobody Somebody Everybody Everyone Someone Something Nothing Everything "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May "
    "June July August September October November December Spring Summer Autumn Winter Christmas "
    "Easter God Lord Heaven English French German Chinese Chapter Scene Act Part Book Int Ext "
    "Day Night Morning Evening Come Go Look Listen Stop Wait Let Give Take Tell Do Did Does Don "
    "Can Could Will Would Shall Should Must May Might Is Are Was Were Be Been Have Has Had Of "
    "Off Out Up Down Along Across Between Behind Beside Below Above Inside Outside Near Far "
    "Through Because Although Though Instead Indeed Quickly Slowly Quietly Silently Slow "
    "Another Other Such Same Next Last First Second Third Today Tomorrow Yesterday Tonight Mr "
    "Mrs Miss Ms Dr Old Young Little Sir Madam Nope Okay Ok Right Left North South East West "
    "Once Upon Back Home Away Long Goodbye Farewell Alas Nevertheless However Therefore Beyond "
    "Against Around Among Beneath Toward Towards Upon Within During Like Unlike Except Dear My "
    "Poor Somehow Somewhere Sometimes Rain Snow Light Dark Silence Snowflakes Waves Bells Keep "
    "Hold Run Ha Shh Hush"
)

ABBREVIATIONS = (
    "mr mrs ms dr st prof capt col gen lt sgt rev hon jr sr vs e.g i.e no vol fig messrs mme mlle "
    "mt ft approx cf ca al inc ltd co dept est govt maj cmdr"
)
EMOTIONS = (
    r"gasp(?:ed)?|tears?|wept|weep(?:ing)?|sob(?:bed|bing)?|scream(?:ed)?|trembl(?:ed|ing)|"
    r"terrified|"
    r"horrified|furious(?:ly)?|stared|froze|blushed|heart (?:pounded|raced|leapt|sank)|grinned|"
    r"laugh(?:ed|ing)|smil(?:ed|ing)|frowned|frightened|astonish(?:ed|ment)|amazed|eyes (?:wide|"
    r"widened|"
    r"shone|gleamed|closed)|turned pale|crying|angr(?:y|ily)|in surprise"
)
CONJUNCTIONS = "and but then so until while because when before after as or who which where"
# Names that are words, too: a user's "Rose Carter" is not meant by every rose.
COMMON_WORDS = (
    "will may rose mark grace hope faith joy bill art grant dawn summer autumn king queen man "
    "woman "
    "boy girl"
)
NOT_ROLES = (
    "same words word thing things last first one other others voice voices way truth next rest "
    "time "
    "end day night wind sea sun moon story door name world more"
)
PLACE_NAMES = (
    "Street Road Lane River Lake Mountain Mount Sea Ocean Bay Island City Town Square Hill Forest "
    "Park Bridge Station Castle Court House Inn Harbour Harbor Valley County Avenue Church "
    "Tower Gate"
)
