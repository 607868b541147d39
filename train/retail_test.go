package train

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
)

// csvSource reads the Online Retail table in the plainest way, apart from the importers, so that a fault in them and a
// fault here do not hide each other.
type csvSource string

func (path csvSource) Events(_ context.Context, _, _ int64, fn func(*edged.Event) error) error {
	f, err := os.Open(string(path))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	r := csv.NewReader(z)
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return err
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return err
	}
	for row, err := r.Read(); err == nil; row, err = r.Read() {
		e, ok := retailEvent(row, london)
		if !ok {
			continue
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// retailEvent takes Invoice, StockCode, Description, Quantity, InvoiceDate, Price, Customer ID, Country.
func retailEvent(row []string, zone *time.Location) (e edged.Event, ok bool) {
	code := strings.ToUpper(row[1])
	if len(code) < 5 || strings.Trim(code[:5], "0123456789") != "" || strings.HasPrefix(row[3], "-") || row[3] == "0" || row[0][0] == 'C' {
		return e, false
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", row[4], zone)
	if err != nil {
		return e, false
	}
	return edged.Event{User: row[6], Session: row[0], Item: code, Type: edged.Purchase, Time: t.UnixMilli(),
		Context: map[string]string{edged.Country: row[7]}}, true
}

func (csvSource) Items(context.Context) ([]edged.Item, error) { return nil, nil }
func (csvSource) Digest() string                              { return "csv" }

// retail finds the table, or skips.
func retail(t *testing.T) Source {
	t.Helper()
	if testing.Short() {
		t.Skip("reads half a million rows")
	}
	dir := os.Getenv("EDGED_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(dir, "online-retail_2009-12_2010-12.csv.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs the Online Retail data: set EDGED_DATA")
	}
	return csvSource(path)
}

// TestRetailProtocol measures the reference figures of the data's README again. Counts and popularity are exact: they
// prove the protocol.
func TestRetailProtocol(t *testing.T) {
	source := retail(t)
	at, err := ParseSplit("2010-09-01", nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Evaluate(context.Background(), []Source{source}, EvalConfig{SplitTime: at, Resamples: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	want := Counts{TrainRows: 247_866, Rows: 406_323, TrainUsers: 3_299, Items: 3_735, Pairs: 175_051, TestUsers: 1_901, TestPairs: 52_190}
	if report.Counts != want || report.Users != want.TestUsers {
		t.Fatalf("counts: got %+v, want %+v", report.Counts, want)
	}
	for model, figures := range map[string][2]float64{popularityModel: {0.0395, 0.0591}, recentModel: {0.0400, 0.0616},
		"item-knn 50": {0.0881, 0.1126}, "item-knn 200": {0.0880, 0.1141}} {
		tolerance := 5e-4
		if model == popularityModel {
			tolerance = 5e-5
		}
		m := result(t, report, model)
		if math.Abs(m.Recall-figures[0]) > tolerance || math.Abs(m.NDCG-figures[1]) > tolerance {
			t.Errorf("%s: got %.4f / %.4f, want %v", model, m.Recall, m.NDCG, figures)
		}
	}
	float, served := result(t, report, alsModel), result(t, report, servedModel)
	if float.Recall < 0.090 || float.NDCG < 0.111 {
		t.Errorf("als: %.4f / %.4f, want at least 0.090 / 0.111", float.Recall, float.NDCG)
	}
	if served.Recall < float.Recall-0.001 || served.NDCG < float.NDCG-0.001 {
		t.Errorf("served: %.4f / %.4f, floats give %.4f / %.4f", served.Recall, served.NDCG, float.Recall, float.NDCG)
	}
}

func result(t *testing.T, r Report, model string) eval.Row {
	t.Helper()
	for _, m := range r.Results {
		if m.Model == model {
			return m
		}
	}
	t.Fatalf("no model %q in the report", model)
	return eval.Row{}
}
