package edged

import (
	"slices"
	"testing"
)

func TestSettingOf(t *testing.T) {
	s := SettingOf(map[string]string{Country: "GB", Device: "phone", Referrer: "https://www.Google.com/search?q=x", LocalHour: "18"})
	if want := (Setting{"GB", "phone", "google.com", Evening}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if s.Known() != ByCountry|ByDevice|ByReferrer|ByDaypart || (Setting{Device: "x"}).Known() != ByDevice {
		t.Errorf("known: %b", s.Known())
	}
	if got := s.Only(ByDevice | ByDaypart); got != (Setting{Device: "phone", Daypart: Evening}) {
		t.Errorf("only: %+v", got)
	}
	if again := SettingOf(s.Context()); again != s || (Setting{}).Context() != nil {
		t.Errorf("again: %+v", again)
	}
	var line []Setting
	for p := s; p != (Setting{}); p = p.Parent() {
		line = append(line, p)
	}
	slices.Reverse(line)
	if len(line) != 4 || line[0] != (Setting{Country: "GB"}) || !slices.IsSortedFunc(line, Setting.Compare) {
		t.Errorf("parents: %v", line)
	}
	if got := s.Only(ByCountry | ByDaypart).String(); got != "country GB, daypart evening" {
		t.Error(got)
	}
}

func TestReferrerHost(t *testing.T) {
	for referrer, want := range map[string]string{
		"": "", "google.com": "google.com", "https://www.shop.example:8443/a?b#c": "shop.example", "http://[::1]/x": "[::1]", "http://[::1]:80/": "[::1]",
		"www.": "", "https://user:secret@News.Example/": "news.example", "android-app://com.mail/": "com.mail", "https://": "",
	} {
		if got := ReferrerHost(referrer); got != want {
			t.Errorf("%q: %q, want %q", referrer, got, want)
		}
	}
}

func TestDaypartOf(t *testing.T) {
	for hour, want := range map[string]string{
		"": "", "0": Night, "05": Night, "6": Morning, "11": Morning, "12": Afternoon, "17": Afternoon, "18": Evening, "23": Evening, "24": "", "-1": "", "7pm": "", "007": "", "99999999999999999999": "",
	} {
		if got := DaypartOf(hour); got != want {
			t.Errorf("%q: %q, want %q", hour, got, want)
		}
	}
}
