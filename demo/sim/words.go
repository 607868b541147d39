package sim

// kind is a sort of product: where it stands in the shop, what it costs, and the picture it has (shapes.go).
type kind struct {
	slug, noun, path string
	low, high        float64 // price range
	blurb            string
}

var kinds = []kind{
	{"teapot", "Teapot", "Kitchen/Tea", 18, 64, "Pours without a drip and keeps two rounds warm."},
	{"mug", "Mug", "Kitchen/Tea", 7, 24, "Holds a good third of a litre, and the handle fits a whole hand."},
	{"teatin", "Tea Tin", "Kitchen/Tea", 6, 19, "Loose leaf inside, tight lid outside."},
	{"bowl", "Mixing Bowl", "Kitchen/Cooking", 12, 45, "Deep enough for bread dough, with a foot that grips the table."},
	{"board", "Chopping Board", "Kitchen/Cooking", 11, 48, "Oiled oak with one straight edge and one honest knot."},
	{"jar", "Storage Jar", "Kitchen/Cooking", 5, 22, "For flour, lentils or the biscuits nobody should find."},
	{"plate", "Dinner Plate", "Kitchen/Table", 9, 34, "Glazed by hand, so no two rims are quite the same."},
	{"jug", "Jug", "Kitchen/Table", 12, 42, "Water at lunch, tulips in between."},
	{"jam", "Jam", "Food/Larder", 3, 9, "Fruit, sugar, a little lemon. Nothing else."},
	{"chocolate", "Chocolate Bar", "Food/Larder", 2, 8, "Snaps cleanly and is gone quickly."},
	{"coffee", "Coffee", "Food/Larder", 7, 21, "Roasted on Tuesdays, tastes of hazelnut and orange peel."},
	{"cushion", "Cushion", "Home/Living", 14, 52, "Linen cover, feather filling, a zip you won't see."},
	{"candle", "Candle", "Home/Living", 6, 29, "Forty hours of quiet light."},
	{"lamp", "Table Lamp", "Home/Living", 29, 120, "A warm pool of light for the far corner."},
	{"vase", "Vase", "Home/Living", 13, 68, "Stands firm with three stems or thirty."},
	{"clock", "Wall Clock", "Home/Walls", 22, 85, "Silent movement; you'll forget it's there until you're late."},
	{"print", "Art Print", "Home/Walls", 12, 60, "Printed in four inks on thick cotton paper."},
	{"pot", "Plant Pot", "Garden/Growing", 6, 38, "Has a hole where it matters and a saucer that fits."},
	{"can", "Watering Can", "Garden/Growing", 14, 46, "A long neck for the back row and a fine rose for seedlings."},
	{"birdhouse", "Bird House", "Garden/Wildlife", 15, 49, "Front opens for spring cleaning. Tits like the small door."},
	{"lantern", "Lantern", "Garden/Evening", 12, 55, "Keeps a flame steady when the evening isn't."},
	{"notebook", "Notebook", "Paper/Desk", 5, 22, "Lies flat, takes fountain pen, 160 pages."},
	{"pencils", "Pencil Set", "Paper/Desk", 4, 26, "Twelve cedar pencils, already sharpened."},
	{"card", "Greeting Card", "Paper/Giving", 2, 6, "Blank inside, with a decent envelope."},
	{"giftbox", "Gift Box", "Paper/Giving", 4, 18, "Sturdy enough to be used again."},
	{"bear", "Toy Bear", "Children/Toys", 13, 44, "Washes at thirty degrees and forgives everything."},
	{"blocks", "Building Blocks", "Children/Toys", 15, 58, "Beech, water-based paint, rounded corners."},
	{"boat", "Sailing Boat", "Children/Toys", 12, 39, "Floats level and turns into the wind."},
	{"kite", "Kite", "Children/Outdoors", 11, 36, "Up in a light breeze, down in one piece."},
	{"rocket", "Toy Rocket", "Children/Toys", 12, 42, "Three stages, two astronauts, one countdown."},
	{"scarf", "Scarf", "Wear/Winter", 16, 72, "Lambswool, long enough to wrap twice."},
	{"hat", "Woolly Hat", "Wear/Winter", 11, 38, "Knitted double over the ears."},
	{"socks", "Socks", "Wear/Winter", 5, 19, "Reinforced heel, and they stay up."},
	{"tote", "Tote Bag", "Wear/Bags", 9, 34, "Carries a week of vegetables or a weekend of books."},
	{"umbrella", "Umbrella", "Wear/Bags", 16, 58, "Eight ribs that bend before they break."},
	{"backpack", "Backpack", "Outdoors/Trail", 34, 130, "Twenty litres, a dry pocket, straps that forgive."},
	{"flask", "Flask", "Outdoors/Trail", 14, 44, "Hot until the summit, cold until the beach."},
	{"tent", "Tent", "Outdoors/Camp", 79, 240, "Two people, three seasons, seven minutes."},
}

// style is a taste that runs through all kinds: its words make titles, its pattern the pictures.
type style struct {
	slug    string
	motifs  []string
	pattern string
}

var styles = []style{
	{"nordic", []string{"Fjord", "Birch", "Juniper", "Northern", "Frost", "Reindeer"}, "cross"},
	{"botanical", []string{"Fern", "Ivy", "Meadow", "Orchard", "Wild Garlic", "Eucalyptus"}, "leaf"},
	{"retro", []string{"Sunburst", "Diner", "Jukebox", "Tangerine", "Boulevard", "Transistor"}, "disc"},
	{"nautical", []string{"Harbour", "Anchor", "Gull", "Driftwood", "Lighthouse", "Tideline"}, "stripe"},
	{"cosmic", []string{"Comet", "Orion", "Moonrise", "Aurora", "Saturn", "Stargazer"}, "star"},
	{"folk", []string{"Dovetail", "Marigold", "Village Fair", "Painted Hen", "Maypole", "Poppy"}, "flower"},
	{"minimal", []string{"Plain", "Quiet", "Line", "Slate", "Half-Moon", "Pebble"}, "band"},
	{"cottage", []string{"Gingham", "Bramble", "Honeycomb", "Thatch", "Strawberry", "Picnic"}, "check"},
}

// occasion is why somebody comes: it ties kinds together, so that what is bought together can be learned.
type occasion struct {
	name  string
	kinds []string
}

var occasions = []occasion{
	{"a tea table", []string{"teapot", "mug", "teatin", "jam", "plate", "jug"}},
	{"cooking", []string{"bowl", "board", "jar", "coffee", "plate", "jug"}},
	{"a cosy evening", []string{"candle", "cushion", "lamp", "mug", "chocolate", "socks"}},
	{"walls and shelves", []string{"print", "clock", "vase", "lamp", "cushion"}},
	{"the garden", []string{"pot", "can", "birdhouse", "lantern", "vase"}},
	{"the desk", []string{"notebook", "pencils", "lamp", "mug", "coffee", "print"}},
	{"a present", []string{"giftbox", "card", "chocolate", "candle", "scarf", "teatin"}},
	{"children", []string{"bear", "blocks", "boat", "kite", "rocket", "pencils"}},
	{"winter", []string{"scarf", "hat", "socks", "flask", "umbrella"}},
	{"a trip outdoors", []string{"tent", "backpack", "flask", "lantern", "kite", "tote"}},
}

// colour is one glaze, cloth or paint: main, light.
type colour struct{ name, main, light string }

var colours = []colour{
	{"sage", "#8fae8b", "#dfead9"},
	{"rust", "#c8693f", "#f5dccb"},
	{"mustard", "#dba63a", "#f8e9c4"},
	{"indigo", "#5566a8", "#dadff2"},
	{"rose", "#d98a93", "#f8dfe0"},
	{"teal", "#4f9a98", "#d3eae8"},
	{"plum", "#8d5f8c", "#ead9e9"},
	{"sand", "#cbb08a", "#f2e8d8"},
	{"sky", "#7fb0cf", "#dcecf5"},
	{"coral", "#e58468", "#fbdfd5"},
}

// brands belong to one style each (the index modulo the number of styles) and have a colour of their own.
var brands = []string{
	"Aldervik", "Fennel & Moss", "Kaleido", "Port Isla", "Nightjar", "Tilda Oak", "Plainsong", "Hedgerow",
	"Sno & Co", "Greenwright", "Mid-Modern", "Saltbox", "Little Dipper", "Folkling", "Objet No. 4", "Bramley",
	"Tundra Works", "Leafline", "Radio Radio", "Keel", "Parallax", "Lumi Folk", "Sober", "Buttercup Lane",
}

var openers = []string{"Little", "Grand", "Old", "Bright", "Round", "Tall", "Everyday", "Sunday", "Second", "Tiny", "Proper", "First"}

// country is a market: its share of the visitors and the styles it likes more than others do.
type country struct {
	code  string
	share float64
	likes []int // indexes into styles
}

var countries = []country{
	{"GB", .30, []int{7, 1}},
	{"DE", .22, []int{6, 0}},
	{"FR", .17, []int{1, 2}},
	{"NL", .12, []int{3, 6}},
	{"PL", .11, []int{5, 7}},
	{"SE", .08, []int{0, 4}},
}
