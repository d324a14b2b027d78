"""What the shop sells: the same pieces in every release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One piece of stoneware.

    Attributes:
        price: In cents of a euro.
        glaze: The name of its glaze; empty for a piece that wears the glaze of the season, which
            the templates of a release name.
    """

    slug: str
    name: str
    kind: str
    price: int
    glaze: str
    summary: str
    story: tuple[str, ...]
    size: str
    holds: str

    @property
    def cost(self) -> str:
        """The price as it is written."""
        return euros(self.price)


PRODUCTS = (
    Product(
        slug="quayside-mug",
        name="Quayside mug",
        kind="drinking",
        price=2600,
        glaze="",
        summary="A mug for cold hands: wide handle, heavy foot, a rim that is kind to the lip.",
        story=(
            "Maren drew the handle around her own fist in a fisherman's glove, and it has not "
            "changed since. Four fingers go through it, and the thumb finds a place on top.",
            "It is thrown from 420 grams of clay and fired to 1,270 °C, so that it rings when you "
            "set it down and keeps tea warm for the length of a tide table.",
        ),
        size="9 cm high, 8.5 cm across",
        holds="35 cl",
    ),
    Product(
        slug="tide-bowl",
        name="Tide bowl",
        kind="table",
        price=3800,
        glaze="",
        summary="Deep enough for chowder, open enough for a salad, and it stacks.",
        story=(
            "The glaze runs while it melts, and gathers at the bottom in a pool that is never "
            "twice the same. We call it the low-water mark.",
            "The foot is narrow and left bare, so that the bowl sits still on a wet table and "
            "comes out of the dishwasher dry.",
        ),
        size="8 cm high, 21 cm across",
        holds="1.1 litres",
    ),
    Product(
        slug="supper-plates",
        name="Supper plates, five",
        kind="table",
        price=14500,
        glaze="",
        summary="Five plates from one board of clay, turned on one day and fired side by side.",
        story=(
            "Five, because the guest who comes unannounced is the one you remember. The low rim "
            "keeps the sauce in, and the flat middle keeps the knife quiet.",
            "Plates warp if they are hurried. Ours dry for eleven days between boards, and are "
            "turned over every morning by whoever makes the coffee.",
        ),
        size="24 cm across, 2.5 cm high",
        holds="a whole mackerel",
    ),
    Product(
        slug="harbour-tumblers",
        name="Harbour tumblers, three",
        kind="drinking",
        price=5400,
        glaze="",
        summary="Dipped to the waist: glaze above, bare stoneware where your fingers are.",
        story=(
            "No handle, no foot, nothing to chip. The line where the glaze ends is where the "
            "potter's hand held the cup in the bucket: count to three and lift.",
            "The bare clay is burnished with the back of a spoon, and takes on a shine over the "
            "years. Good for water, for wine, and for the toothbrushes of a family of three.",
        ),
        size="8 cm high, 7.5 cm across",
        holds="25 cl each",
    ),
    Product(
        slug="moon-jar",
        name="Moon jar",
        kind="vessels",
        price=22000,
        glaze="Chalk",
        summary="Two bowls, joined at the belly. The seam is there, if you look for it.",
        story=(
            "A jar of this size cannot be thrown in one piece: the wet clay would sink. So two "
            "bowls are thrown, set lip to lip, and joined with a wooden knife. It is never quite "
            "round, and neither is the moon on most nights.",
            "The white is ground oyster shell, feldspar and patience. Iron in the clay burns "
            "through it as small brown stars.",
        ),
        size="31 cm high, 30 cm across",
        holds="branches, or nothing",
    ),
    Product(
        slug="ember-teapot",
        name="Ember teapot",
        kind="drinking",
        price=9800,
        glaze="Tenmoku",
        summary="It pours without a drip. We tried ninety spouts to be able to say so.",
        story=(
            "The trick is the sharp edge under the lip of the spout, cut with a wire when the "
            "clay is as hard as cheese. A round edge drips, whatever the catalogue says.",
            "Tenmoku is a black glaze full of iron. Where it runs thin, on the knob and the rim "
            "of the lid, it breaks into the brown of a dying fire.",
        ),
        size="14 cm high, 25 cm from spout to handle",
        holds="90 cl, four cups",
    ),
    Product(
        slug="lantern-bottle",
        name="Lantern bottle",
        kind="vessels",
        price=7600,
        glaze="Oat",
        summary="A long neck for one stem of cow parsley, or for last night's candle.",
        story=(
            "Tobias throws the neck last, with one finger inside and a sponge on a stick. About "
            "one in four falls over, and becomes a saucer.",
            "The matt glaze is made from the ash of oat straw that a neighbour burns for us every "
            "September. It feels like an egg.",
        ),
        size="30 cm high, 16 cm across",
        holds="one stem, 1.4 litres of water",
    ),
    Product(
        slug="larder-jar",
        name="Larder jar",
        kind="vessels",
        price=6400,
        glaze="Chalk",
        summary="For salt, for flour, for the keys that you will need tomorrow.",
        story=(
            "The lid overhangs by the width of a thumb, so that it can be lifted with hands that "
            "are covered in dough. It is ground to its own jar and fits no other.",
            "Salt keeps dry in it, even here, where the wind brings the sea through the letterbox.",
        ),
        size="20 cm high, 16 cm across",
        holds="2 kg of flour",
    ),
)
KINDS = ("table", "drinking", "vessels")
BY_SLUG = {product.slug: product for product in PRODUCTS}


def euros(cents: int) -> str:
    """Return an amount of money as it is written."""
    return f"€{cents / 100:,.2f}"


def find(slug: str) -> Product | None:
    """Return the piece with this slug, if it is sold."""
    return BY_SLUG.get(slug)
