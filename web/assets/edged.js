// <edged-carousel>: a row of recommendations from an edged node. One file, no dependencies.
//
//   <script type="module" src="https://edge.example/edged.js"></script>
//   <edged-carousel endpoint="https://edge.example" place="home" n="12" title="Picked for you" explain></edged-carousel>
//
// Attributes
//   endpoint   origin of the node; default: where the page came from
//   source     recommend (default), trending, popular, or similar, together (then item="…" too)
//   place      name of this place, sent as slot with the request and its events. Pages of before say it as slot="…", which is read where there is no
//              place; inside another component, though, that attribute tells the browser where the carousel goes
//   n          how many items
//   title      heading (or heading="…")
//   country    two letters; for trending, and as context of recommend
//   category   for trending and popular: what of it
//   setting    what may be told of the moment beside the country, for what is popular may go by it: some of the words device, hour, referrer
//   explain    ask why, and offer it on every card
//   lang       language that reasons are said in; default: that of the place on the page
//   node       a name for the node in the line below the row; unsaid: its host
//   image-base where relative picture addresses begin; may be relative to the page, which is the default
//   hold       ask nothing yet; removing it asks
//   quiet      no impression and click events
//   no-meta    no line with level, release and time
//   api-key    a publishable key, where the node wants one
// Properties (what is set before this script has come counts, too)
//   recent     what the visitor met lately, newest first: ids, or {item, type}. Setting it asks again.
//   session    id of the visit; default: one made up for this tab. Another one's impressions count anew.
//   nameOf     function from an item's id to its title, for the reasons; default: what this carousel has seen
// Methods: refresh(), focus()
// Events (all bubble, composed)
//   edged:select  {item, fields, position, recommendationId}; cancel it to handle the click yourself
//   edged:answer  {answer, roundTripMs}
//   edged:error   {error}
//
// Titles and all other data are written as text, never as HTML.

const FIELDS = ['title', 'image', 'price', 'currency', 'brand', 'url'];
const SOURCES = ['recommend', 'trending', 'popular', 'similar', 'together'];
const IDLE_MS = 8000; // a request that takes longer is given up
const KEPT_BYTES = 60000; // browsers finish requests of a page that goes up to 64 KiB of bodies, all under way together
const REMEMBERED = 2000; // the newest titles, and impressions, a carousel knows

const CSS = `
:host { display: block; --_accent: var(--edged-accent, #b4532a); --_ink: var(--edged-ink, #2b2730); --_soft: var(--edged-soft, #6d6672);
  --_card: var(--edged-card, #fffdf9); --_line: var(--edged-line, #e6ddd0); --_width: var(--edged-card-width, 168px); color: var(--_ink);
  font: 400 14px/1.4 var(--edged-font, system-ui, sans-serif); }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
.head { display: flex; align-items: center; gap: 12px; margin: 0 0 10px; }
h2 { flex: 1; margin: 0; font: var(--edged-heading, 600 22px/1.2 Georgia, serif); letter-spacing: -.01em; }
.nav { display: flex; gap: 6px; }
button { font: inherit; color: inherit; cursor: pointer; }
.nav button { width: 34px; height: 34px; border-radius: 50%; border: 1px solid var(--_line); background: var(--_card); font-size: 17px; line-height: 1; padding: 0; }
.nav button:disabled { opacity: .35; cursor: default; }
.nav button:not(:disabled):hover { border-color: var(--_accent); color: var(--_accent); }
ul { display: flex; gap: 14px; margin: 0; padding: 5px 5px 12px; list-style: none; overflow: auto hidden; scroll-snap-type: x proximity; scroll-behavior: smooth; scrollbar-width: thin;
  scrollbar-color: var(--_line) transparent; }
li { position: relative; flex: 0 0 var(--_width); min-width: 0; scroll-snap-align: start; }
.card { display: flex; flex-direction: column; width: 100%; height: 100%; padding: 0; border: 1px solid var(--_line); border-radius: 14px; overflow: hidden; background: var(--_card);
  text-align: start; text-decoration: none; color: inherit; transition: box-shadow .18s, transform .18s; }
.card:hover { box-shadow: 0 8px 22px rgb(40 30 20 / .14); transform: translateY(-2px); }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
.picture { aspect-ratio: 1; width: 100%; overflow: hidden; background: var(--_line); }
.picture img, .picture svg { display: block; width: 100%; height: 100%; object-fit: cover; }
.text { display: flex; flex-direction: column; gap: 3px; flex: 1; padding: 10px 12px 12px; }
.title { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere; min-height: 2.6em; font-weight: 550; line-height: 1.3; }
.foot { display: flex; justify-content: space-between; gap: 8px; margin-top: auto; color: var(--_soft); font-size: 12.5px; }
.price { color: var(--_ink); font-weight: 650; font-variant-numeric: tabular-nums; }
.brand { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.why { position: absolute; top: 8px; right: 8px; padding: 2px 9px; border: 0; border-radius: 99px; background: rgb(255 253 249 / .88); color: #2b2730; font-size: 12px; line-height: 1.6; opacity: .0; transition: opacity .15s; }
li:hover .why, .why:focus-visible, .why[aria-expanded=true] { opacity: 1; }
@media (hover: none) { .why { opacity: 1; } }
.reason { position: absolute; inset: 1px 1px auto; aspect-ratio: 1; padding: 36px 12px 10px; border-radius: 13px 13px 0 0; background: rgb(43 39 48 / .93); color: #fdf8f0; font-size: 12.5px; line-height: 1.35; overflow: auto; }
.reason[hidden] { display: none; }
.reason p { margin: 0 0 6px; font-weight: 600; }
.share { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 8px; margin-top: 6px; overflow-wrap: anywhere; }
.share span:first-child { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
.share i { grid-column: 1 / -1; height: 4px; border-radius: 2px; background: #f0b08d; transform-origin: 0 0; }
.meta { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; margin: 0; min-height: 1.6em; color: var(--_soft); font: 12px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.level { padding: 0 8px; border-radius: 99px; background: var(--_accent); color: var(--edged-accent-ink, #fff); }
.level[data-level=regional], .level[data-level=segment] { background: #40708a; color: #fff; }
.level[data-level=global], .level[data-level=static] { background: #6a635f; color: #fff; }
.note { padding: 26px 18px; border: 1px dashed var(--_line); border-radius: 14px; text-align: center; color: var(--_soft); flex: 1; }
ul[aria-busy=true] .note { opacity: .6; }
.note button { margin-left: 8px; padding: 4px 14px; border: 1px solid var(--_line); border-radius: 99px; background: var(--_card); }
.ghost .picture, .ghost span { background: linear-gradient(100deg, var(--_line) 40%, var(--_card) 50%, var(--_line) 60%) 0 0 / 300% 100%; animation: wait 1.4s linear infinite; }
.ghost span { display: block; height: 12px; border-radius: 6px; }
.ghost span + span { width: 45%; }
@keyframes wait { from { background-position: 100% 0; } to { background-position: -50% 0; } }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (prefers-reduced-motion: reduce) { ul { scroll-behavior: auto; } .ghost .picture, .ghost span { animation: none; } .card, .why { transition: none; } .card:hover { transform: none; } }
`;

/** element makes a DOM node; text goes in as text. */
function element(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'on') for (const [type, f] of Object.entries(v)) e.addEventListener(type, f);
    else e.setAttribute(k, v === true ? '' : String(v));
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}

const SVG = 'http://www.w3.org/2000/svg';
function shape(tag, props, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(props)) e.setAttribute(k, String(v));
  e.append(...children);
  return e;
}

/** hash is FNV-1a, 32 bits, of the text's UTF-16 units. */
function hash(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** tile draws a picture for an item that has none: the same one for the same id, with the first letters of its title. */
export function tile(id, title) {
  let seed = hash(String(id)) || 1;
  const next = (n) => { // xorshift32
    seed ^= seed << 13; seed >>>= 0; seed ^= seed >>> 17; seed ^= seed << 5; seed >>>= 0;
    return seed % n;
  };
  const hue = next(360), other = (hue + 40 + next(80)) % 360;
  const svg = shape('svg', { viewBox: '0 0 200 200', 'aria-hidden': 'true' });
  svg.append(shape('rect', { width: 200, height: 200, fill: `hsl(${hue} 42% 88%)` }));
  for (let i = 0; i < 3; i++) {
    const x = 20 + next(160), y = 20 + next(160), r = 26 + next(46), fill = `hsl(${i % 2 ? hue : other} 48% ${62 + next(18)}%)`;
    if (next(3)) svg.append(shape('circle', { cx: x, cy: y, r, fill, opacity: .75 }));
    else svg.append(shape('rect', { x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: 10, fill, opacity: .75, transform: `rotate(${next(90)} ${x} ${y})` }));
  }
  const letters = (String(title || id).match(/[\p{L}\p{N}]+/gu) || ['?']).slice(0, 2).map((w) => [...w][0].toUpperCase()).join('');
  const text = shape('text', { x: 100, y: 122, 'text-anchor': 'middle', 'font-size': 68, 'font-family': 'Georgia, serif', 'font-weight': 600, fill: `hsl(${hue} 45% 24%)` });
  text.textContent = letters;
  svg.append(text);
  return svg;
}

/** picture is the item's image, or its tile where there is none or it does not load. */
export function picture(id, fields, base) {
  const box = element('div', { class: 'picture' });
  const address = safeURL(fields.image, base, true);
  if (!address) {
    box.append(tile(id, fields.title));
    return box;
  }
  const img = element('img', { alt: '', loading: 'lazy', decoding: 'async', src: address, draggable: 'false' });
  img.addEventListener('error', () => img.replaceWith(tile(id, fields.title)), { once: true });
  box.append(img);
  return box;
}

/** safeURL lets http, https and (for pictures) data:image through, and nothing else. The base may be relative to the page. */
export function safeURL(value, base, image = false) {
  if (typeof value !== 'string' || !value) return '';
  try {
    const u = new URL(value, new URL(base || '', document.baseURI));
    if (u.protocol === 'http:' || u.protocol === 'https:') return u.href;
    return image && value.startsWith('data:image/') ? value : '';
  } catch { return ''; }
}

/** money writes a price, with its currency where that is known. */
export function money(price, currency) {
  const n = Number(price);
  if (price === undefined || price === null || price === '' || !Number.isFinite(n) || n <= 0) return '';
  try {
    return new Intl.NumberFormat(undefined, currency ? { style: 'currency', currency } : { minimumFractionDigits: 2 }).format(n);
  } catch { return n.toFixed(2); }
}

export function randomID() {
  const b = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
}

/** tabSession is one id for this tab, as long as it lives. It is random and says nothing about anybody. */
export function tabSession() {
  try {
    let s = sessionStorage.getItem('edged-session');
    if (!s) sessionStorage.setItem('edged-session', s = randomID());
    return s;
  } catch { return (tabSession.fallback ||= randomID()); }
}

/** address is where the node answers a path. A key goes in the query: a header would cost a preflight. */
export function address(endpoint, path, params, key) {
  const u = new URL(path, new URL(endpoint || '', document.baseURI));
  for (const [k, v] of Object.entries({ ...params, key })) if (v) u.searchParams.set(k, v);
  return u.href;
}

/** sendEvents posts events as text/plain, which needs no preflight. The browser finishes it even when the page goes, where all that is
 *  under way is small enough; what it refuses for that goes again without. Resolves to the node's response; undefined: there was none. */
export async function sendEvents(endpoint, events, key) {
  const body = new Blob([JSON.stringify(events)], { type: 'text/plain;charset=UTF-8' });
  for (const keepalive of body.size <= KEPT_BYTES ? [true, false] : [false]) {
    try {
      return await fetch(address(endpoint, '/v1/events', {}, key), { method: 'POST', body, keepalive, credentials: 'omit' });
    } catch { /* refused, or no way to the node */ }
  }
}

/** keep puts a key last into a map of the newest. */
function keep(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value);
}

export class EdgedCarousel extends HTMLElement {
  static observedAttributes = ['endpoint', 'source', 'place', 'slot', 'n', 'title', 'heading', 'country', 'category', 'setting', 'explain', 'lang', 'item', 'node', 'image-base', 'hold', 'quiet', 'no-meta', 'api-key'];

  #recent = [];
  #session = '';
  #names = new Map(); // id → title
  #nameOf = (id) => this.#names.get(id);
  #answer = null;
  #turn = null; // what gives up the request under way; another turn's answer counts no longer
  #pending = false;
  #current = { id: '', at: 0 }; // the card on the Tab key's way
  #seen = new Map(); // one impression an item, place and visit
  #queue = [];
  #flushTimer = 0;
  #watcher = null;
  #ui = {};

  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.shadowRoot.adoptedStyleSheets = [sheet];
    this.#build();
    for (const name of ['recent', 'session', 'nameOf']) this.#adopt(name);
  }

  // What was set before the element was one of these lies on it, and would hide the accessor.
  #adopt(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  get recent() { return this.#recent; }
  set recent(list) {
    this.#recent = Array.from(list || [], (r) => (typeof r === 'object' && r ? { item: String(r.item), type: String(r.type || 'view') } : String(r))).slice(0, 200);
    this.refresh();
  }
  get session() { return this.#session || tabSession(); }
  set session(id) {
    if (this.#session === String(id || '')) return;
    this.#session = String(id || '');
    this.#seen.clear();
    this.#observe();
  }
  get nameOf() { return this.#nameOf; }
  set nameOf(f) { this.#nameOf = typeof f === 'function' ? f : (id) => this.#names.get(id); }
  get answer() { return this.#answer; }

  connectedCallback() {
    this.#watcher = new IntersectionObserver((entries) => this.#watch(entries), { root: null, threshold: .5 });
    addEventListener('pagehide', this.#leave);
    document.addEventListener('visibilitychange', this.#leave);
    if (!this.#answer) this.#ghosts();
    this.#observe();
    this.refresh();
  }

  disconnectedCallback() {
    removeEventListener('pagehide', this.#leave);
    document.removeEventListener('visibilitychange', this.#leave);
    this.#watcher.disconnect();
    this.#stop();
    this.#flush();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === 'source' && after && !SOURCES.includes(after)) console.warn(`<edged-carousel>: source "${after}" is none of ${SOURCES.join(', ')}; recommend is asked`);
    if (name === 'title' || name === 'heading') this.#heading();
    else if (name === 'node' || name === 'no-meta') this.#line();
    else if (name === 'quiet') this.#observe();
    else this.refresh();
  }

  /** focus goes to the card that the Tab key leads to. */
  focus(options) { this.#ui.list.querySelector('[tabindex="0"]')?.focus(options); }

  /** refresh asks the node again; several calls in one turn are one request. */
  refresh() {
    if (this.#pending || !this.isConnected || this.hasAttribute('hold')) return;
    this.#pending = true;
    queueMicrotask(() => { this.#pending = false; if (this.isConnected) this.#load(); });
  }

  #build() {
    const ui = this.#ui;
    ui.heading = element('h2', { id: 'h' });
    ui.back = element('button', { type: 'button', 'aria-label': 'Back', on: { click: () => this.#scroll(-1) } }, '‹');
    ui.forth = element('button', { type: 'button', 'aria-label': 'Forth', on: { click: () => this.#scroll(1) } }, '›');
    ui.list = element('ul', { 'aria-labelledby': 'h', on: { keydown: (e) => this.#key(e), focusin: (e) => this.#stand(e.target.closest('li')), scroll: () => this.#arrows() } });
    ui.meta = element('p', { class: 'meta' });
    ui.live = element('div', { class: 'sr', 'aria-live': 'polite' });
    // The empty title keeps the host's title attribute from showing as a tooltip over every card.
    this.shadowRoot.append(element('section', { 'aria-roledescription': 'carousel', 'aria-labelledby': 'h', title: '' },
      element('div', { class: 'head' }, ui.heading, element('div', { class: 'nav' }, ui.back, ui.forth)), ui.list, ui.meta, ui.live));
  }

  #heading() { this.#ui.heading.textContent = this.getAttribute('heading') || this.getAttribute('title') || ''; }

  #ghosts() {
    const ghost = () => element('li', { class: 'ghost', 'aria-hidden': 'true' }, element('div', { class: 'card' },
      element('div', { class: 'picture' }), element('div', { class: 'text' }, element('span'), element('span'))));
    this.#ui.list.replaceChildren(...Array.from({ length: 7 }, ghost));
    this.#arrows();
  }

  // What requests and events say of the moment; nothing: undefined.
  get #context() {
    const country = this.getAttribute('country'), words = (this.getAttribute('setting') || '').split(/\s+/), out = {};
    if (country) out.country = country;
    if (words.includes('device')) out.device = !matchMedia('(pointer: coarse)').matches ? 'desktop' : Math.min(screen.width, screen.height) < 600 ? 'phone' : 'tablet';
    if (words.includes('hour')) out.localHour = String(new Date().getHours());
    const from = words.includes('referrer') && document.referrer ? new URL(document.referrer).host : '';
    if (from && from !== location.host) out.referrer = from.slice(0, 256);
    return Object.keys(out).length ? out : undefined;
  }

  // The language of the place on the page, through shadow roots; nothing: not said.
  get #language() {
    for (let e = this; e; e = e.getRootNode().host) {
      const said = e.closest('[lang]');
      if (said) return said.lang.slice(0, 35);
    }
    return '';
  }

  get #source() { return SOURCES.includes(this.getAttribute('source')) ? this.getAttribute('source') : 'recommend'; }

  get #ofItem() { return this.#source === 'similar' || this.#source === 'together'; }

  get #place() { return this.getAttribute('place') ?? this.slot; }

  get #n() { return Math.min(Math.max(parseInt(this.getAttribute('n'), 10) || 12, 1), 500); }

  #request() {
    const source = this.#source;
    const url = (path, params) => address(this.getAttribute('endpoint'), path, params, this.getAttribute('api-key'));
    const common = { n: this.#n, fields: FIELDS.join(',') }, country = this.getAttribute('country'), category = this.getAttribute('category');
    if (this.#ofItem) return [url(`/v1/items/${encodeURIComponent(this.getAttribute('item'))}/${source}`, common), {}];
    if (source === 'popular') return [url('/v1/popular', { ...common, category }), {}];
    if (source === 'trending') return [url('/v1/trending', { ...common, country, category }), {}];
    const body = { recent: this.#recent, n: this.#n, fields: FIELDS, session: this.session, explain: this.hasAttribute('explain') };
    if (this.#place) body.slot = this.#place;
    const language = body.explain && this.#language;
    if (this.#context || language) body.context = language ? { ...this.#context, language } : this.#context;
    return [url('/v1/recommend', {}), { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }];
  }

  // The request under way, if any, is nobody's any more.
  #stop() {
    this.#turn?.abort();
    this.#turn = null;
    this.#ui.list.removeAttribute('aria-busy');
  }

  async #load() {
    this.#stop();
    if (this.#ofItem && !this.getAttribute('item')) return;
    const turn = this.#turn = new AbortController(), started = performance.now();
    const timer = setTimeout(() => turn.abort(), IDLE_MS);
    this.#ui.list.setAttribute('aria-busy', 'true');
    try {
      const [url, init] = this.#request();
      const response = await fetch(url, { ...init, credentials: 'omit', signal: turn.signal });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail || answer.title || `status ${response.status}`);
      if (turn === this.#turn) this.#show(answer, performance.now() - started, new URL(url).host);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    } finally {
      clearTimeout(timer);
      if (turn === this.#turn) this.#stop();
    }
  }

  #show(answer, roundTripMs, host) {
    const items = Array.isArray(answer.items) ? answer.items : [];
    this.#answer = { ...answer, items, roundTripMs, host };
    for (const it of items) if (it.fields?.title) keep(this.#names, it.id, String(it.fields.title));
    if (items.length) this.#cards(items);
    else this.#row([element('li', { class: 'note' }, 'Nothing to show here yet.')]);
    this.#say(items.length ? `${this.#ui.heading.textContent}: ${items.length} products` : 'Nothing to show');
    this.#line();
    this.#arrows();
    this.#emit('edged:answer', { answer, roundTripMs });
  }

  #fail(error) {
    const message = error.name === 'AbortError' ? 'The node did not answer in time.' : `The node could not answer (${error.message}).`;
    if (this.#answer?.items.length) this.#ui.meta.replaceChildren(element('span', {}, message + ' What you see is its last answer.'));
    else {
      const again = element('button', { type: 'button', on: { click: () => this.refresh() } }, 'Try again');
      this.#row([element('li', { class: 'note' }, message, again)], again);
    }
    this.#say(message);
    this.#emit('edged:error', { error });
  }

  /** say tells those who listen what is new, once. */
  #say(text) { if (this.#ui.live.textContent !== text) this.#ui.live.textContent = text; }

  /** cards keeps the cards of items that stay as they are, and lets them glide to their new place. */
  #cards(items) {
    const list = this.#ui.list, old = new Map(), from = new Map();
    for (const li of list.children) if (li.item) { old.set(li.item.id, li); from.set(li.item.id, li.getBoundingClientRect().left); }
    const cards = items.map((it, i) => this.#card(it, i, old.get(it.id)));
    const stands = cards.find((li) => li.item.id === this.#current.id) || cards[Math.min(this.#current.at, cards.length - 1)];
    if (cards.length !== list.children.length || cards.some((li, i) => li !== list.children[i])) {
      const held = this.#row(cards, stands.querySelector('.card'));
      if (held && from.has(stands.item.id)) list.scrollBy({ left: stands.getBoundingClientRect().left - from.get(stands.item.id), behavior: 'instant' });
      else if (old.size && this.#source !== 'trending') list.scrollLeft = 0;
      if (old.size) this.#glide(cards, from);
    }
    this.#stand(stands);
    this.#observe();
  }

  /** row makes lis the list, moving only what is elsewhere. Focus in it stays where it was, or goes to the one named; says whether there was. */
  #row(lis, next) {
    const list = this.#ui.list, stay = new Set(lis), focused = this.shadowRoot.activeElement, held = list.contains(focused);
    for (const li of [...list.children]) if (!stay.has(li)) li.remove();
    let at = list.firstElementChild;
    for (const li of lis) {
      if (li === at) at = at.nextElementSibling;
      else if (li.isConnected && list.moveBefore) list.moveBefore(li, at); // focus, scroll and animations go along
      else list.insertBefore(li, at);
    }
    if (held && this.shadowRoot.activeElement !== focused) (list.contains(focused) ? focused : next)?.focus({ preventScroll: true });
    return held;
  }

  #glide(cards, from) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    cards.forEach((li, i) => {
      const before = from.get(li.item.id), dx = before - li.getBoundingClientRect().left;
      if (before === undefined) li.animate([{ opacity: 0, transform: 'translateY(14px)' }, { opacity: 1, transform: 'none' }], { duration: 320, delay: Math.min(i, 8) * 28, easing: 'ease-out', fill: 'backwards' });
      else if (Math.abs(dx) > 1) li.animate([{ transform: `translateX(${dx}px)` }, { transform: 'none' }], { duration: 380, easing: 'cubic-bezier(.2,.8,.3,1)' });
    });
  }

  #card(it, i, kept) {
    const shown = JSON.stringify([FIELDS.map((f) => it.fields?.[f]), this.getAttribute('image-base'), this.hasAttribute('explain')]);
    const li = kept?.shown === shown ? kept : this.#newCard(it);
    Object.assign(li, { item: it, shown });
    li.dataset.position = String(i + 1);
    const reason = li.querySelector('.reason');
    if (reason) reason.replaceChildren(...this.#reason(it));
    return li;
  }

  #newCard(it) {
    const fields = it.fields || {}, title = String(fields.title || it.id), href = safeURL(fields.url, document.baseURI);
    const card = element(href ? 'a' : 'button', { class: 'card', href: href || null, type: href ? null : 'button', on: { click: (e) => this.#select(e, li) } },
      picture(it.id, fields, this.getAttribute('image-base')),
      element('div', { class: 'text' }, element('span', { class: 'title' }, title),
        element('span', { class: 'foot' }, element('span', { class: 'brand' }, String(fields.brand || '')), element('span', { class: 'price' }, money(fields.price, fields.currency)))));
    const li = element('li', {}, card);
    if (this.hasAttribute('explain')) this.#addWhy(li, title);
    return li;
  }

  #addWhy(li, title) {
    const panel = element('div', { class: 'reason', role: 'note', hidden: true });
    const button = element('button', { type: 'button', class: 'why', 'aria-expanded': 'false', 'aria-label': `Why ${title}?`, on: {
      click: () => { panel.hidden = !panel.hidden; button.setAttribute('aria-expanded', String(!panel.hidden)); },
      keydown: (e) => { if (e.key === 'Escape' && !panel.hidden) { e.stopPropagation(); button.click(); } },
    } }, 'why?');
    li.append(panel, button);
  }

  #reason(it) {
    const r = it.reason || {}, name = (id) => String(this.nameOf(id) || this.#names.get(id) || id);
    const ids = Array.isArray(r.items) ? r.items : [], adds = Array.isArray(r.shares) ? r.shares.map((x) => Math.max(Number(x) || 0, 0)) : [];
    const others = [r.rest, ...Object.values(r.terms || {})].reduce((a, b) => a + Math.max(Number(b) || 0, 0), 0);
    const all = adds.reduce((a, b) => a + b, others); // shares, rest and terms are parts of the score
    const out = [element('p', {}, r.text || `From the ${it.source || this.#answer?.level || 'static'} list`)];
    ids.slice(0, 3).forEach((id, i) => {
      const share = all > 0 && i < adds.length ? adds[i] / all : NaN, row = element('div', { class: 'share' }, element('span', {}, name(id)), element('span', {}, Number.isFinite(share) ? `${Math.round(share * 100)} %` : ''));
      if (Number.isFinite(share)) { const bar = element('i'); bar.style.transform = `scaleX(${Math.min(Math.max(share, 0), 1)})`; row.append(bar); }
      out.push(row);
    });
    return out;
  }

  #line() {
    const a = this.#answer;
    if (this.hasAttribute('no-meta')) this.#ui.meta.replaceChildren();
    if (!a || this.hasAttribute('no-meta')) return;
    const where = this.getAttribute('node') || a.host;
    const level = element('span', { class: 'level' }, String(a.level || this.#source));
    level.dataset.level = a.level || '';
    const bits = [a.release && `release ${a.release}`, Number.isFinite(a.tookUs) && `${a.tookUs} µs`, where, `${Math.max(1, Math.round(a.roundTripMs))} ms round trip`].filter(Boolean);
    this.#ui.meta.replaceChildren(level, ...bits.map((b, i) => element('span', {}, (i ? '· ' : '') + b)));
  }

  #select(event, li) {
    const detail = { item: li.item.id, fields: li.item.fields || {}, position: Number(li.dataset.position), recommendationId: this.#answer?.recommendationId };
    this.#record('click', detail);
    this.#flush();
    if (!this.#emit('edged:select', detail)) event.preventDefault();
  }

  /** observe has the watcher look at every card anew. */
  #observe() {
    this.#watcher?.disconnect();
    if (this.isConnected) for (const li of this.#ui.list.children) this.#watcher.observe(li);
  }

  #watch(entries) {
    if (this.hasAttribute('quiet')) return;
    for (const e of entries) {
      if (!e.isIntersecting || !e.target.item) continue;
      this.#watcher.unobserve(e.target);
      const detail = { item: e.target.item.id, position: Number(e.target.dataset.position), recommendationId: this.#answer?.recommendationId };
      const key = JSON.stringify([detail.item, this.#place]);
      if (this.#seen.has(key)) continue;
      keep(this.#seen, key, true);
      this.#record('impression', detail);
    }
  }

  #record(type, { item, position, recommendationId }) {
    if (this.hasAttribute('quiet')) return;
    const e = { id: randomID(), type, item, session: this.session, time: Date.now(), position, channel: 'web' };
    if (recommendationId) e.recommendation = recommendationId;
    if (this.#place) e.slot = this.#place;
    if (this.#context) e.context = this.#context;
    this.#queue.push(e);
    if (!this.#flushTimer) this.#flushTimer = setTimeout(() => this.#flush(), 1500);
  }

  #flush() {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = 0;
    const events = this.#queue.splice(0);
    if (events.length && !this.hasAttribute('quiet')) sendEvents(this.getAttribute('endpoint'), events, this.getAttribute('api-key'));
  }

  // The page goes, or is put aside and may never come back.
  #leave = (event) => { if (event.type === 'pagehide' || document.hidden) this.#flush(); };

  #emit(type, detail) { return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true })); }

  #scroll(direction) { this.#ui.list.scrollBy({ left: direction * this.#ui.list.clientWidth * .8 }); }

  #arrows() {
    const { list, back, forth } = this.#ui;
    back.disabled = list.scrollLeft < 4;
    forth.disabled = list.scrollLeft + list.clientWidth > list.scrollWidth - 4;
  }

  #key(event) {
    const cards = [...this.#ui.list.querySelectorAll('.card')], at = cards.indexOf(this.shadowRoot.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: cards.length - 1 }[event.key];
    if (at < 0 || to === undefined || !cards[to]) return;
    event.preventDefault();
    cards[to].focus(); // and stand there
  }

  /** stand: one card of the row is on the Tab key's way, with its why; the arrow keys go to the others. */
  #stand(li) {
    if (!li.item) return;
    this.#current = { id: li.item.id, at: Number(li.dataset.position) - 1 };
    for (const other of this.#ui.list.children) for (const e of other.querySelectorAll('.card, .why')) e.tabIndex = other === li ? 0 : -1;
  }
}

if (!customElements.get('edged-carousel')) customElements.define('edged-carousel', EdgedCarousel);
