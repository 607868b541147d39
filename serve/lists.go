package serve

import (
	"net/http"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// Lists that are the same for everyone: a CDN may keep them, and a caller that has one learns by ETag that it is
// still good.

// similar answers GET /v1/items/{id}/similar.
func (s *Server) similar(c *call) *problem { return s.around(c, routeSimilar, (*rank.Ranker).Similar) }

// together answers GET /v1/items/{id}/together.
func (s *Server) together(c *call) *problem {
	return s.around(c, routeTogether, (*rank.Ranker).Together)
}

// around answers with a list around an item. An unknown one is no error: it is missing, and popular items take its place.
func (s *Server) around(c *call, route int, list func(*rank.Ranker, *rank.Answer, *rank.Scratch, edged.Row, *model.Selection, int)) *problem {
	if done, p := s.prepare(c, route, similarParams); done {
		return p
	}
	c.cacheable, c.basis = releaseMaxAge, s.basis(c, "", "")
	if row, ok := c.ranker.Model().RowOfBytes(c.id); ok {
		list(c.ranker, &c.answer, c.scratch, row, c.only(), c.req.n)
	} else {
		c.missing = append(c.missing, c.id)
		c.ranker.Popular(&c.answer, c.scratch, c.only(), nil, c.req.n)
	}
	return s.writeList(c)
}

// trending answers GET /v1/trending.
func (s *Server) trending(c *call) *problem {
	if done, p := s.prepare(c, routeTrending, trendingParams); done {
		return p
	}
	window := s.cfg.Windows[0]
	if len(c.req.window) > 0 {
		k := indexOf(s.cfg.Windows, c.req.window)
		if k < 0 {
			return badField("window", "unknown %s; known: %s", quote(c.req.window), strings.Join(s.cfg.Windows, ", "))
		}
		window = s.cfg.Windows[k]
	}
	within, p := s.within(c)
	if p != nil {
		return p
	}
	country := c.names.of(c.req.country)
	c.cacheable, c.basis = trendingMaxAge, s.basis(c, country, window)
	c.ranker.Trending(&c.answer, c.scratch, country, c.basis.live, c.only(), within, c.req.n)
	return s.writeList(c)
}

// popular answers GET /v1/popular.
func (s *Server) popular(c *call) *problem {
	if done, p := s.prepare(c, routePopular, popularParams); done {
		return p
	}
	within, p := s.within(c)
	if p != nil {
		return p
	}
	c.cacheable, c.basis = releaseMaxAge, s.basis(c, "", "")
	c.ranker.Popular(&c.answer, c.scratch, c.only(), within, c.req.n)
	return s.writeList(c)
}

// within is what the category asked for has, nil where none was.
func (s *Server) within(c *call) (*model.Selection, *problem) {
	if len(c.req.within) == 0 {
		return nil, nil
	}
	if !c.ranker.KnowsCategory(c.req.within) {
		if !s.turn(c, patience) {
			return nil, tooMany("category")
		}
		defer s.turns.end()
	}
	rows, err := c.ranker.Category(c.req.within)
	if err != nil {
		return nil, badField("category", "%v", err)
	}
	return rows, nil
}

// item answers GET /v1/items/{id}: what the catalogue of the release says.
func (s *Server) item(c *call) *problem {
	if p := s.read(c, itemParams); p != nil {
		return p
	}
	if len(c.fields) == 0 {
		c.fields = append(c.fields, catalogueFields...)
	}
	row, ok := c.ranker.Model().RowOfBytes(c.id)
	if !ok {
		return withStatus(http.StatusNotFound, "the release has no such item")
	}
	b := append(c.out[:0], `{"id":`...)
	b = appendString(b, c.id)
	b, err := c.appendFields(append(b, `,"fields":`...), row)
	if err != nil {
		return s.unreadableRelease(c, "serve: item", err)
	}
	b = append(b, `,"release":`...)
	b = appendString(b, c.ranker.Release().ID)
	c.out = append(b, '}')
	c.cacheable = releaseMaxAge
	c.etag = append(c.appendState(append(c.etag[:0], '"')), '"')
	return nil
}

// prepare does what all lists begin with. It is done where it has an answer, or a problem.
func (s *Server) prepare(c *call, route int, params []string) (done bool, p *problem) {
	if p := s.load(c); p == nil && s.cached(c, route, c.ctx.Request.Header.RequestURI()) {
		return true, nil
	}
	p = s.read(c, params)
	return p != nil, p
}

// read takes the parameters, the release and the fields asked for.
func (s *Server) read(c *call, params []string) *problem {
	if p := c.params(c.asks, params); p != nil {
		return p
	}
	if p := s.load(c); p != nil {
		return p
	}
	return c.chooseFields()
}

func (s *Server) writeList(c *call) *problem {
	c.setETag()
	return s.writeAnswer(c)
}
