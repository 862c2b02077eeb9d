"""Which words, in English and Chinese, stand for what can be drawn.

A pattern ending in `*` takes any ending ("walk*": walks, walking). Chinese words match anywhere.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

Table = Mapping[str, str]
"""Key of the thing meant, and the words for it, separated by blanks ("_" is a blank in a word)."""

SETTINGS: Table = {
    "indoors": "indoors inside room house_interior kitchen 室内 屋里 屋内 房间 客栈 厨房",
    "street": "street* road town city alley 街 巷 城里 集市",
    "forest": "forest wood woods jungle 森林 树林 林中 竹林",
    "water": "river lake sea ocean shore beach harbour harbor 河边 江 湖 海 岸",
    "mountain": "mountain* cliff* peak* 山",
    "field": "field* meadow* plain* grassland 田野 草原 原野 野外",
}
TIMES: Table = {
    "night": "night midnight dark darkness moonlight moonlit 夜晚 夜里 深夜 夜 月光 晚上",
    "dusk": "dusk sunset evening twilight dawn sunrise 黄昏 傍晚 日落 夕阳 黎明 日出",
    "day": "day daylight daytime noon morning 白天 白昼 中午 早晨 晴天",
}
WEATHERS: Table = {
    "rain": "rain* storm* downpour drizzl* 雨",
    "snow": "snow* blizzard 雪",
    "clear": "clear sunny 晴",
}
SHOTS: Table = {
    "close_up": "closer close-up closeup close zoom_in face portrait 更近 近一点 近景 特写 拉近",
    "wide": (
        "wider wide farther further zoom_out establishing panorama long_shot 更远 远一点 远景 "
        "全景 拉远"
    ),
    "over_the_shoulder": "over_the_shoulder over-the-shoulder ots 过肩 肩后",
    "medium": "medium mid-shot 中景",
}
MOODS: Table = {
    "angry": "angr* furious rage fury shout* yell* scream* snarl* 怒 愤 吼 骂 气愤 喝道",
    "sad": (
        "sad sadness sorrow* weep* wept cry cries crying cried tears lonely melanchol* grief "
        "mourn* 悲 哭 泪 伤心 忧 难过 孤独"
    ),
    "surprised": (
        "surpris* shock* startl* astonish* amaz* gasp* afraid fear* terrif* 惊 吓 怕 恐 愣 诧"
    ),
    "happy": "happ* smil* laugh* joy* cheer* glad grin* delight* 笑 喜 乐 高兴 欢 开心",
    "calm": "calm* quiet* peace* serene gentle 平静 宁静 安静 沉默",
}
ATMOSPHERES: Table = {
    "dark": (
        "dark gloom* grim horror sinister ominous tense tension suspense* thriller 阴森 恐怖 "
        "紧张 压抑 悬疑 黑暗"
    ),
    "sad": "sad melanchol* lonely bleak sorrow* nostalg* 悲 忧 孤独 凄 哀 伤感",
    "joyful": (
        "happ* joy* cheer* bright playful funny humor* comic* lively 欢 喜 快乐 明亮 活泼 幽默 轻松"
    ),
    "calm": "calm* quiet* peace* seren* gentle dream* soft 平静 宁静 温柔 安静 柔和 梦幻",
    "epic": "epic heroic dramatic intense action 史诗 热血 激烈 戏剧 壮",
}
POSES: Table = {
    "sleep": "sleep* slept asleep lay_down lying_down 睡 躺",
    "ride": "rode ride rides riding gallop* 骑",
    "fight": (
        "fight* fought attack* duel* swung struck strike* slash* punch* battle* 打斗 砍杀 刺 "
        "挥剑 攻 搏 厮杀 拔剑"
    ),
    "run": (
        "run runs running ran rush* race raced racing chas* fled flee* dash* sprint* hurr* 跑 "
        "奔 冲 追 逃 赶紧"
    ),
    "kneel": "kneel* knelt crouch* squat* fell stumbl* 跪 蹲 跌倒 摔倒 倒在",
    "bow": "bow bows bowed bowing 鞠躬 作揖 拱手 行礼 拜 叩",
    "sit": "sit sits sat sitting seated 坐",
    "point": "point points pointed pointing 指着 指向 指了 手指",
    "reach": (
        "reach* grab* took take takes pull* push* knock* open* hand* gave give* pick* 伸手 拿 "
        "抓 推 拉 敲 递 捡 接过 取"
    ),
    "walk": (
        "walk* step* stroll* climb* wander* march* came enter* arriv* left went cross* 走 步 "
        "行 来到 进 登 爬 离开"
    ),
    "look": "look* gaz* star* watch* saw peer* 看 望 瞧 盯 凝视",
    "think": "think* thought wonder* remember* ponder* 想 思 回忆 沉吟",
    "raise": "cheer* wav* rais* 举 挥手 欢呼",
}
PROPS: Table = {
    "sword": "sword* blade* katana 剑 刀",
    "lantern": "lantern* lamp* 灯笼 灯 提灯",
    "umbrella": "umbrella* parasol* 伞",
    "letter": "letter* note scroll* paper envelope 信 书信 纸 卷轴",
    "book": "book* diary 书",
    "cup": "cup* tea wine mug* bowl* 茶 酒 杯 碗",
    "staff": "staff stick cane spear* 杖 棍 枪 棒",
    "flower": "flower* roses blossom* 花",
    "bag": "bag* sack basket* suitcase* 包袱 袋 篮 箱",
    "fishing_rod": "fishing 钓",
    "phone": "phone* telephone* 手机 电话",
}
SIGHTS: Table = {
    "boat": "boat* ship* sail* ferry 船 舟",
    "bridge": "bridge* 桥",
    "horse": "horse* 马",
    "fire": "fire campfire bonfire 篝火 火堆 火光",
    "lighthouse": "lighthouse* 灯塔",
    "tower": "tower* pagoda* temple* castle* 塔 庙 寺 城堡 道观",
    "dog": "dog* puppy wolf fox 狗 犬 狼 狐",
    "cat": "cat cats kitten* 猫",
    "bird": "bird* crow* gull* robin* crane* 鸟 燕 鹤 乌鸦",
    "wall": "wall* 墙",
}
AFLOAT = (
    "rowed row_boat rowing rows sailed sailing sails aboard on_deck "
    "划船 划着 渡船 乘船 坐船 船头 船上 上船 泛舟"
)
FAST = (
    "run runs ran running rushed rush dash* chas* gallop* sprint* leap* leapt jump* "
    "charg* fight* slash* swung 跑 奔 冲 追 逃 跳 扑 打斗 砍杀 挥剑"
)


@lru_cache(maxsize=512)
def _pattern(words: str) -> re.Pattern[str]:
    parts = []
    for word in words.split():
        bare = re.escape(word.rstrip("*").replace("_", " "))
        if word[0].isascii():
            bare = rf"\b{bare}\w*" if word.endswith("*") else rf"\b{bare}\b"
        parts.append(bare)
    return re.compile("|".join(parts), re.IGNORECASE)


def has(text: str, words: str) -> bool:
    """Whether any of the words is in the text."""
    return bool(text) and _pattern(words).search(text) is not None


def place_of(text: str, words: str) -> int | None:
    """Where the first of the words begins, or None."""
    found = _pattern(words).search(text) if text else None
    return found.start() if found else None


def first(text: str, table: Table) -> str | None:
    """Return the first key, in the table's order, whose words are in the text."""
    return next((key for key, words in table.items() if has(text, words)), None)


def every(text: str, table: Table) -> tuple[str, ...]:
    """Return all keys whose words are in the text, in the table's order."""
    return tuple(key for key, words in table.items() if has(text, words))
