// Package words says reasons in sentences: templates by language, one for each code of a reason, with places that are filled in ("Because you
// bought {items}").
//
// English is built in. A file has words of its own, by language:
//
//	{
//	  "default": "de",
//	  "de":    {"becauseYouBought": "Weil Sie {items} gekauft haben", "trendingIn": "Im Trend in {country}", "and": " und ", "comma": ", "},
//	  "de-AT": {"new": "Heuer neu"}
//	}
//
// What a language does not say is said in the words of the next one: de-AT, de, the default, English. What stands between items is said in the language
// of the sentence: no "Comme A und B". A file is checked as a whole, and all that is
// wrong with it is told at once.
//
// A Set never changes and may be used by any number of goroutines. To look up a Language allocates nothing.
package words
