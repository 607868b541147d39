import { test, equal, until, frame, reply, later } from '/testdata/harness.js';

// — a node in the page —

let asked = [], answer = () => reply({ items: [] });
window.fetch = (url, init = {}) => {
  const request = { path: new URL(url).pathname, init, body: null };
  asked.push(request);
  const read = new Response(init.body).text().then((t) => { if (t) request.body = JSON.parse(t); });
  return new Promise((resolve, reject) => {
    init.signal?.addEventListener('abort', () => reject(init.signal.reason));
    read.then(() => (request.path === '/v1/events' ? reply({ accepted: 1 }) : answer(request))).then(resolve, reject);
  });
};

// Events wait until they are called for.
const { setTimeout } = window;
window.setTimeout = (f, ms, ...more) => (ms === 1500 ? 0 : setTimeout(f, ms, ...more));

const thrown = [];
window.addEventListener('error', (e) => thrown.push(e.message));

const item = (id, fields = {}) => ({ id, fields: { title: `Title of ${id}`, ...fields }, reason: { text: 'Because', items: ['x'] } });
const list = (ids) => () => reply({ items: [...ids].map((id) => item(id)) });
const events = (type) => asked.filter((r) => r.path === '/v1/events').flatMap((r) => r.body || []).filter((e) => e.type === type);

const early = document.createElement('edged-carousel');
Object.assign(early, { recent: ['mug'], session: 'visit', nameOf: (id) => `Name of ${id}` });
early.setAttribute('explain', '');
document.body.append(early);
const { picture, sendEvents, safeURL } = await import('/edged.js');

/** carousel is a new one, alone on the page, once it has what the node answers. */
async function carousel(attributes = {}, answers = list('abcd')) {
  for (const c of document.querySelectorAll('edged-carousel')) c.remove();
  asked = [];
  answer = answers;
  const c = document.createElement('edged-carousel');
  for (const [k, v] of Object.entries(attributes)) c.setAttribute(k, v);
  document.body.append(c);
  await answered(c);
  return c;
}

const answered = (c) => new Promise((resolve) => { for (const type of ['edged:answer', 'edged:error']) c.addEventListener(type, resolve, { once: true }); });
const again = async (c, answers) => { answer = answers; c.refresh(); await answered(c); };
const all = (c, selector) => [...c.shadowRoot.querySelectorAll(selector)];
const cards = (c) => all(c, '.card');
const titles = (c) => all(c, '.title').map((e) => e.textContent.at(-1)).join('');
const focus = (c) => cards(c).indexOf(c.shadowRoot.activeElement);
const key = (c, name) => c.shadowRoot.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
const seen = (c, n) => until(() => { window.dispatchEvent(new Event('pagehide')); return events('impression').length >= n; });

// — tests —

test('what is set before the script has come counts', async () => {
  await until(() => asked[0]?.body);
  equal([asked[0].body.recent, asked[0].body.session], [['mug'], 'visit'], 'first request');
  await again(early, list('ab'));
  equal(all(early, '.share span')[0].textContent, 'Name of x', 'nameOf');
  early.recent = ['lamp'];
  await answered(early);
  equal(asked.at(-1).body.recent, ['lamp'], 'set later');
});

const standsStill = async () => {
  const c = await carousel();
  cards(c)[2].focus();
  await again(c, list('dcab'));
  equal([titles(c), focus(c)], ['dcab', 1], 'order, focus');
  await again(c, list('xcyz'));
  equal([titles(c), focus(c)], ['xcyz', 1], 'with others');
  await again(c, list('xyzw'));
  equal([titles(c), focus(c)], ['xyzw', 1], 'its item gone: the same place');
};

test('focus stays on its item when the row changes', async () => {
  const blurs = [];
  document.addEventListener('focusout', (e) => blurs.push(e), { once: true });
  const c = await carousel();
  cards(c)[2].focus();
  await again(c, list('dcab'));
  if (c.moveBefore) equal(blurs.length, 0, 'focus went away meanwhile');
  await standsStill();
});

test('focus stays in browsers without moveBefore', async () => {
  const { moveBefore } = Element.prototype;
  Element.prototype.moveBefore = undefined;
  try { await standsStill(); } finally { Element.prototype.moveBefore = moveBefore; }
});

test('focus stays where a card is drawn anew, and after trying again', async () => {
  const c = await carousel({}, () => reply({ title: 'Busy' }, 503));
  all(c, '.note button')[0].focus();
  await again(c, () => reply({ title: 'Busy' }, 503));
  equal(c.shadowRoot.activeElement?.textContent, 'Try again', 'after another failure');
  await again(c, list('abc'));
  equal(focus(c), 0, 'after an answer');
  cards(c)[1].focus();
  await again(c, () => reply({ items: [item('a'), item('b', { price: 3 }), item('c')] }));
  equal(focus(c), 1, 'after another price');
});

test('one card is on the way of the Tab key, also after an answer', async () => {
  const c = await carousel({ explain: '' });
  const stops = () => [cards(c), all(c, '.why')].map((es) => es.map((e) => e.tabIndex).join());
  equal(stops(), ['0,-1,-1,-1', '0,-1,-1,-1'], 'at first');
  cards(c)[0].focus();
  key(c, 'ArrowRight');
  key(c, 'ArrowRight');
  equal([focus(c), ...stops()], [2, '-1,-1,0,-1', '-1,-1,0,-1'], 'after two arrows');
  await again(c, list('cxab'));
  equal([focus(c), ...stops()], [0, '0,-1,-1,-1', '0,-1,-1,-1'], 'after an answer');
  key(c, 'End');
  key(c, 'ArrowRight');
  equal([focus(c), stops()[0]], [3, '-1,-1,-1,0'], 'after End and an arrow that leads nowhere');
});

test('a carousel moved while it asks fails nothing and asks again', async () => {
  const c = await carousel(), errors = [], before = cards(c)[0], waits = later();
  c.addEventListener('edged:error', (e) => errors.push(e.detail.error.message));
  answer = () => waits.promise;
  c.refresh();
  await until(() => asked.length === 2);
  answer = list('bacd');
  document.body.prepend(c);
  await answered(c);
  waits.resolve(reply({ items: [item('z')] }));
  await frame();
  equal([errors, titles(c), cards(c)[1] === before, all(c, '[aria-busy]').length], [[], 'bacd', true, 0], 'errors, row, card kept, busy');
});

test('impressions are sent when the page goes', async () => {
  const c = await carousel({ place: 'home' });
  await seen(c, 4);
  equal(events('impression').map((e) => [e.item, e.slot, e.position]), [['a', 'home', 1], ['b', 'home', 2], ['c', 'home', 3], ['d', 'home', 4]], 'impressions');
  equal(asked.filter((r) => r.path === '/v1/events').every((r) => r.init.keepalive), true, 'kept alive');
  c.session = 'another';
  await seen(c, 8);
  equal(events('impression').slice(4).map((e) => e.session), Array(4).fill('another'), 'of another visit');
});

test('a quiet carousel sends nothing, one that is no more so does', async () => {
  const c = await carousel({ quiet: '' });
  for (let i = 0; i < 5; i++) await frame();
  cards(c)[1].click();
  window.dispatchEvent(new Event('pagehide'));
  equal([events('impression').length, events('click').length], [0, 0], 'quiet');
  c.removeAttribute('quiet');
  await seen(c, 4);
  cards(c)[1].click();
  equal(await until(() => events('click').length), 1, 'click');
});

test('a card that stays shows what is new of it', async () => {
  const c = await carousel({ 'image-base': 'img/' }, () => reply({ items: [item('a', { image: 'a.png', price: 2 }), item('b')] }));
  const [a, b] = cards(c), src = () => c.shadowRoot.querySelector('img').src;
  equal(src(), new URL('img/a.png', document.baseURI).href, 'relative image-base');
  await again(c, () => reply({ items: [item('a', { image: 'a.png', price: 3 }), item('b')] }));
  equal([cards(c)[0] === a, cards(c)[1] === b, /3/.test(all(c, '.price')[0].textContent)], [false, true, true], 'another price');
  c.setAttribute('image-base', '/other/');
  await answered(c);
  equal(src(), new URL('/other/a.png', document.baseURI).href, 'another image-base');
  c.setAttribute('explain', '');
  await answered(c);
  equal(all(c, '.why').length, 2, 'explain');
});

test('bases of pictures', () => {
  const src = (base) => picture('a', { image: 'a.png' }, base).querySelector('img')?.src;
  equal([undefined, '', 'img/', '/img/', '//cdn.example/', 'http://'].map(src),
    [...['a.png', 'a.png', 'img/a.png', '/img/a.png', '//cdn.example/a.png'].map((u) => new URL(u, document.baseURI).href), undefined]);
  equal(['javascript:alert(1)', 'data:text/html,x', 'data:image/png,x'].map((u) => safeURL(u, '', true)), ['', '', 'data:image/png,x'], 'schemes');
});

test('those who listen hear what is new alone', async () => {
  const c = await carousel(), live = c.shadowRoot.querySelector('[aria-live]'), heard = [];
  new MutationObserver((records) => heard.push(...records)).observe(live, { childList: true, characterData: true, subtree: true });
  await again(c, list('dcba'));
  await frame();
  equal(heard.length, 0, 'the same');
  await again(c, list('abc'));
  await frame();
  equal([heard.length > 0, live.textContent], [true, ': 3 products'], 'another');
});

test('place, and slot where there is none', async () => {
  const c = await carousel({ slot: 'side' });
  equal(asked[0].body.slot, 'side', 'slot');
  c.setAttribute('place', 'home');
  await answered(c);
  equal(asked[1].body.slot, 'home', 'place');
  c.setAttribute('place', '');
  await answered(c);
  equal(asked[2].body.slot, undefined, 'no place');
});

test('attributes count when they are set later', async () => {
  const c = await carousel({ node: 'near' });
  c.setAttribute('setting', 'hour');
  await answered(c);
  equal(Object.keys(asked[1].body.context), ['localHour'], 'setting');
  const line = () => c.shadowRoot.querySelector('.meta').textContent;
  equal(line().includes('near'), true, 'line');
  c.setAttribute('no-meta', '');
  equal(line(), '', 'no-meta');
  c.removeAttribute('no-meta');
  equal(line().includes('near'), true, 'line again');
});

test('sources: what goes together, and names that are none', async () => {
  const said = [], { warn } = console;
  console.warn = (text) => said.push(text);
  try {
    const c = await carousel({ source: 'together', item: 'a/b' });
    equal([asked[0].path, said.length], ['/v1/items/a%2Fb/together', 0]);
    c.setAttribute('source', 'recomend');
    await answered(c);
    await again(c, list('ab'));
    equal([asked[1].path, said.length, said[0].includes('"recomend"')], ['/v1/recommend', 1, true]);
  } finally { console.warn = warn; }
});

test('an endpoint that is no address fails as a node does', async () => {
  const c = await carousel({ node: 'near' });
  for (let i = 0; i < 5; i++) await frame(); // impressions wait
  c.setAttribute('endpoint', 'http://');
  const e = await answered(c);
  c.removeAttribute('node');
  window.dispatchEvent(new Event('pagehide'));
  await frame();
  equal([e.type, titles(c), thrown], ['edged:error', 'abcd', []]);
});

test('events over what outlives a page, or refused for that, go without', async () => {
  const { fetch } = window, kept = [];
  window.fetch = async (url, { keepalive }) => { kept.push(keepalive); if (keepalive && kept.length > 2) throw new TypeError('over'); return reply({}); };
  try {
    await sendEvents('', [{ item: 'x'.repeat(30000) }]);
    await sendEvents('', [{ item: '語'.repeat(30000) }]); // 30,000 units, 90,000 bytes
    await sendEvents('', [{ item: 'x' }]);
    await sendEvents('http://', [{ item: 'x' }]);
    equal(kept, [true, false, true, false]);
  } finally { window.fetch = fetch; }
});
