"""How the picture is drawn: pen, hatching and wash, chosen by the style's words."""

from dataclasses import dataclass, field, replace

from komadori.backends.images.sketch.ink import Colour, Nib
from komadori.backends.images.sketch.words import Table, every, first, has
from komadori.domain.story import Style


@dataclass(frozen=True, slots=True)
class Hand:
    """A way of drawing. Shares are 0 to 1."""

    nib: Nib = field(default_factory=Nib)
    paper: Colour = (250, 247, 240)
    ink: Colour = (30, 28, 27)
    tint: float = 0.9
    """How far colours leave the paper."""
    saturation: float = 0.95
    screen: str = "hatch"
    """What shade becomes: hatch, cross, dots, carved, or none."""
    screen_period: float = 6.6
    screen_angle: float = -0.95
    screen_ink: float = 0.72
    from_tone: float = 0.0
    """How much of the colours' darkness is screened too."""
    shade_wash: float = 0.16
    """How much shade darkens the colour."""
    wet: float = 0.0
    """How far colour runs, with dark edges, as water colour does."""
    grain: float = 0.25
    """How much the paper's tooth shows."""
    dry: float = 0.0
    """How much the paper's tooth breaks the line."""
    contrast: float = 1.0
    gamma: float = 1.0
    """Above 1, what is not white goes dark."""
    blacks: bool = True
    """Whether dark hair and clothes are spotted with solid ink."""


_BOARD = Hand()
_HANDS: dict[str, Hand] = {
    "noir": Hand(
        nib=Nib(1.35, 0.7, 0.7, 0.3, 0.12),
        paper=(244, 242, 238),
        ink=(12, 12, 14),
        saturation=0.0,
        tint=1.0,
        screen="carved",
        screen_period=7.5,
        screen_angle=-0.6,
        screen_ink=1.0,
        from_tone=0.5,
        shade_wash=0.0,
        contrast=1.6,
        gamma=1.35,
        grain=0.1,
    ),
    "woodcut": Hand(
        nib=Nib(1.75, 0.9, 1.5, 0.2, 0.4),
        paper=(243, 234, 214),
        ink=(28, 20, 18),
        saturation=0.35,
        tint=0.5,
        screen="carved",
        screen_period=9.0,
        screen_angle=-1.25,
        screen_ink=1.0,
        from_tone=0.85,
        shade_wash=0.0,
        grain=0.5,
        dry=0.12,
    ),
    "ink_wash": Hand(
        nib=Nib(1.5, 1.15, 1.6, 0.5, 0.22),
        paper=(245, 240, 228),
        ink=(24, 24, 28),
        saturation=0.1,
        tint=0.72,
        screen="none",
        shade_wash=0.5,
        wet=1.0,
        grain=0.45,
        dry=0.5,
    ),
    "watercolour": Hand(
        nib=Nib(0.7, 0.5, 1.5, 0.35, 0.05),
        paper=(252, 249, 243),
        ink=(74, 58, 50),
        saturation=1.45,
        tint=0.74,
        screen="none",
        shade_wash=0.34,
        wet=0.8,
        grain=0.6,
        dry=0.12,
        blacks=False,
    ),
    "pencil": Hand(
        nib=Nib(1.1, 0.4, 1.7, 0.4, 0.3),
        paper=(249, 247, 243),
        ink=(44, 43, 46),
        saturation=0.0,
        tint=0.24,
        screen="cross",
        screen_period=4.2,
        screen_angle=-0.85,
        screen_ink=0.66,
        from_tone=0.72,
        shade_wash=0.05,
        grain=0.35,
        dry=0.5,
        blacks=False,
    ),
    "manga": Hand(
        nib=Nib(1.0, 0.75, 0.45, 0.4, 0.0),
        paper=(253, 253, 252),
        ink=(16, 16, 18),
        saturation=0.0,
        tint=0.0,
        screen="dots",
        screen_period=5.4,
        screen_angle=0.785,
        screen_ink=1.0,
        from_tone=0.8,
        shade_wash=0.0,
        grain=0.0,
    ),
    "clear": Hand(
        nib=Nib(0.95, 0.0, 0.25, 0.0, 0.0),
        paper=(253, 251, 246),
        ink=(26, 24, 28),
        saturation=1.5,
        tint=0.95,
        screen="none",
        shade_wash=0.2,
        grain=0.0,
        blacks=True,
    ),
    "anime": Hand(
        nib=Nib(0.75, 0.4, 0.35, 0.35, 0.0),
        paper=(252, 251, 250),
        ink=(48, 38, 48),
        saturation=1.7,
        tint=0.95,
        screen="none",
        shade_wash=0.3,
        wet=0.2,
        grain=0.0,
        blacks=False,
    ),
    "oil": Hand(
        nib=Nib(1.3, 0.8, 1.7, 0.4, 0.5),
        paper=(238, 229, 212),
        ink=(52, 38, 32),
        saturation=1.5,
        tint=1.0,
        screen="hatch",
        screen_period=11.0,
        screen_ink=0.3,
        shade_wash=0.4,
        wet=0.45,
        grain=0.8,
        dry=0.4,
    ),
}
_ARTS: Table = {
    "noir": "noir film_noir sin_city high_contrast 黑色电影 黑白强对比 硬派",
    "woodcut": "woodcut* woodblock linocut engraving etching ukiyo-e 木刻 版画 浮世绘",
    "ink_wash": (
        "ink_wash ink-wash sumi-e sumi ink_painting shuimo chinese_painting wash 水墨 国画 写意"
    ),
    "watercolour": "watercolor* watercolour* aquarelle gouache 水彩",
    "pencil": "pencil* graphite charcoal sketch* 铅笔 素描 炭笔 草图",
    "manga": "manga screentone* black_and_white 漫画 黑白 日漫 网点",
    "clear": (
        "clear_line clear-line ligne_claire tintin flat vector cartoon* comic comics 清线 "
        "扁平 卡通 平涂 连环画"
    ),
    "anime": "anime ghibli cel-shaded cel_shaded webtoon 动漫 动画 吉卜力 赛璐璐 二次元",
    "oil": "oil painting painterly impressionis* 油画 厚涂 印象派",
}
_LINES: Table = {
    "thin": "thin fine delicate light hairline 细 纤细 轻",
    "bold": "bold thick heavy strong 粗 厚重 有力",
    "rough": "rough* sketchy loose scratchy gritty 粗糙 潦草 随意 粗犷",
    "brush": "brush* calligraph* ink flowing 毛笔 书法 笔触 流畅",
    "clean": "clean smooth precise crisp 干净 利落 清晰 工整",
    "hatch": "hatch* cross-hatch* crosshatch* 排线 交叉线",
    "dots": "dots dotted stippl* halftone screentone 网点 点",
}


def hand_of(style: Style) -> Hand:
    """Choose the hand by art style, then change it by line style and notes."""
    art = first(style.art_style, _ARTS) or first(style.additional_notes, _ARTS)
    hand = _HANDS.get(art or "", _BOARD)
    for line in every(f"{style.line_style} {style.additional_notes}", _LINES):
        hand = _with_line(hand, line)
    if (
        has(style.mood, "dark gloom* horror tense suspense* 阴森 恐怖 紧张 压抑 悬疑 黑暗")
        and hand.screen == "hatch"
    ):
        hand = replace(hand, screen="cross", screen_ink=0.85)
    return hand


def _with_line(hand: Hand, line: str) -> Hand:
    nib = hand.nib
    if line == "thin":
        return replace(hand, nib=replace(nib, weight=nib.weight * 0.58))
    if line == "bold":
        return replace(hand, nib=replace(nib, weight=nib.weight * 1.85))
    if line == "rough":
        return replace(
            hand,
            nib=replace(nib, waver=nib.waver + 1.6, rough=nib.rough + 0.5),
            dry=max(hand.dry, 0.4),
        )
    if line == "brush":
        return replace(
            hand,
            nib=replace(nib, weight=nib.weight * 1.3, swell=1.25, taper=0.5),
            dry=max(hand.dry, 0.25),
        )
    if line == "clean":
        return replace(hand, nib=replace(nib, waver=0.2, rough=0.0), dry=0.0)
    if line == "hatch":
        return replace(hand, screen="cross", screen_ink=0.9, from_tone=max(hand.from_tone, 0.4))
    return replace(
        hand,
        screen="dots",
        screen_period=5.4,
        screen_angle=0.785,
        from_tone=max(hand.from_tone, 0.3),
    )
