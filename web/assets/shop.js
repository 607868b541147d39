// The storefront of `edged demo`. It asks the nodes themselves for everything recommended; its own server gives it the
// list of nodes (/config.json) and the catalogue (/products).
import { money, picture, sendEvents, tabSession, randomID } from '/edged.js';

const $ = (id) => document.getElementById(id);
const PAGE = 30, KEPT = 20, SHOWN = 6;
const state = { config: { nodes: [] }, node: 0, country: '', recent: [], query: '', category: '', offset: 0, basket: 0, open: null, from: null, asked: 0, opened: 0 };
const known = new Map(); // id → what the page learned of a product from rows and lists
const did = new Map(); // id → the most telling thing done with it, where that was more than looking
const liked = new Set();
const details = new Map(); // id → promise of the whole product

function make(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (v !== undefined && v !== null && v !== false) e.setAttribute(k, v === true ? '' : String(v));
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}

async function json(url) {
  const r = await fetch(url);
  if (!r.ok) throw new Error(`${url}: status ${r.status}`);
  return r.json();
}

const stored = {
  get(store, key) { try { return JSON.parse(store.getItem(key)); } catch { return null; } },
  set(store, key, value) { try { store.setItem(key, JSON.stringify(value)); } catch { /* storage refused: the page works without */ } },
};

// — the nodes —

const carousels = () => document.querySelectorAll('edged-carousel');
const node = () => state.config.nodes[state.node] || { name: '', url: location.origin };

function useNode(i) {
  state.node = i;
  for (const [j, input] of [...$('nodes').querySelectorAll('input')].entries()) input.checked = j === i;
  for (const c of carousels()) {
    c.setAttribute('node', node().name);
    c.setAttribute('endpoint', node().url);
    c.removeAttribute('hold');
  }
}

function drawNodes() {
  $('nodes').replaceChildren(...state.config.nodes.map((n, i) => make('label', {},
    make('input', { type: 'radio', name: 'node', value: i, onchange: () => useNode(i) }), make('i', { 'aria-hidden': 'true' }), n.name)));
}

/** pulse paints each node's dot: it is enough to know that something answers there. */
async function pulse() {
  await Promise.all(state.config.nodes.map(async (n, i) => {
    let up = true;
    try { await fetch(new URL('/healthz/live', n.url), { mode: 'no-cors', cache: 'no-store', signal: AbortSignal.timeout(2000) }); } catch { up = false; }
    n.up = up;
    const label = $('nodes').children[i];
    label.classList.toggle('up', up);
    label.classList.toggle('down', !up);
    label.title = up ? `${n.name} answers` : `${n.name} does not answer`;
  }));
}

/** failOver goes to the next node that answers, when the chosen one does not. */
async function failOver() {
  await pulse();
  if (node().up) return;
  const other = state.config.nodes.findIndex((n) => n.up);
  if (other >= 0) useNode(other);
}

// — the visitor —

function setRecent(ids) {
  state.recent = [...new Set(ids)].slice(0, KEPT);
  stored.set(sessionStorage, 'recent', state.recent);
  $('picked').recent = state.recent.map((item) => ({ item, type: did.get(item) || 'view' }));
  drawTrail();
}

async function drawTrail() {
  const n = state.recent.length;
  $('trail-label').textContent = n ? 'From what you looked at:' : 'Nothing known about you yet: this is what others like. Look at something, and this row follows.';
  $('forget').hidden = n === 0;
  const shown = state.recent.slice(0, SHOWN);
  await Promise.all(shown.filter((id) => !known.has(id)).map(product));
  if (shown.some((id, i) => state.recent[i] !== id)) return; // it changed meanwhile
  $('trail').replaceChildren(...shown.map((id) => {
    const f = known.get(id) || {};
    return make('li', {}, picture(id, f), make('span', {}, f.title || id));
  }), ...(n > SHOWN ? [make('li', {}, make('span', {}, `  and ${n - SHOWN} more`))] : []));
}

function product(id) {
  if (!details.has(id)) {
    details.set(id, json(`/products/${encodeURIComponent(id)}`).then(
      (p) => { known.set(id, p); return p; },
      () => { details.delete(id); return known.get(id) || {}; })); // asked again the next time
  }
  return details.get(id);
}

function record(type, item, more = {}) {
  const e = { id: randomID(), type, item, session: tabSession(), time: Date.now(), channel: 'web', ...more };
  if (state.country) e.context = { country: state.country };
  return sendEvents(node().url, [e]);
}

// — the product sheet —

async function open(id, fields, recommendationId) {
  const turn = ++state.opened;
  known.set(id, { ...fields, ...known.get(id) });
  setRecent([id, ...state.recent]); // first, so that the row reacts at once
  const f = { ...fields, ...await product(id) };
  if (turn !== state.opened) return; // another one was opened meanwhile, or the sheet closed
  state.open = { id, fields: f, recommendationId };
  $('product-picture').replaceChildren(picture(id, f));
  $('product-title').textContent = f.title || id;
  $('product-path').textContent = [String(f.category || '').split('/').join(' › '), f.brand].filter(Boolean).join(' · ');
  $('product-price').textContent = money(f.price, f.currency);
  $('product-text').textContent = f.description || '';
  drawLike();
  $('similar').setAttribute('item', id);
  if (!$('product').open) {
    state.from = document.activeElement;
    $('product').showModal();
  }
  $('product').scrollTop = 0;
  await record('view', id, recommendationId ? { recommendation: recommendationId } : {});
}

/** close: focus is where it came from; the card may have left its row, but the row is there. */
function close() {
  state.opened++;
  if (document.activeElement !== state.from) state.from?.focus({ preventScroll: true });
}

function add() {
  if (!state.open) return;
  const price = Number(state.open.fields.price) || 0;
  $('basket').textContent = `Basket: ${++state.basket}`;
  record('cart', state.open.id, { quantity: 1, value: price });
  did.set(state.open.id, 'cart');
  setRecent([state.open.id, ...state.recent]);
  $('product').close();
}

function like() {
  const id = state.open?.id;
  if (!id || liked.has(id)) return;
  liked.add(id);
  record('like', id);
  if (!did.has(id)) did.set(id, 'like');
  setRecent([id, ...state.recent]);
  drawLike();
}

function drawLike() { $('like').textContent = liked.has(state.open.id) ? '♥ Liked' : '♡ Like'; }

// — the catalogue —

async function browse(more = false) {
  const turn = ++state.asked;
  if (!more) state.offset = 0;
  const q = new URLSearchParams({ q: state.query, category: state.category, offset: state.offset, n: PAGE });
  let page;
  try { page = await json(`/products?${q}`); } catch (e) { $('count').textContent = `The catalogue could not be read (${e.message}).`; return; }
  if (turn !== state.asked) return;
  const cards = page.items.map((it) => {
    known.set(it.id, it);
    return make('li', {}, make('button', { type: 'button', onclick: () => open(it.id, it) }, picture(it.id, it), make('span', { class: 'text' },
      make('span', { class: 'title' }, it.title || it.id),
      make('span', { class: 'foot' }, make('span', {}, it.brand || ''), make('span', { class: 'price' }, money(it.price, it.currency))))));
  });
  if (more) $('grid').append(...cards);
  else $('grid').replaceChildren(...(cards.length ? cards : [make('li', { class: 'none' }, `Nothing found for “${state.query}”.`)]));
  state.offset += page.items.length;
  $('count').textContent = `${page.total.toLocaleString()} products`;
  $('more').hidden = state.offset >= page.total;
}

function drawCategories(names) {
  const chip = (name, label) => make('button', { type: 'button', 'aria-pressed': String(name === state.category), onclick: () => {
    state.category = name;
    drawCategories(names);
    browse();
  } }, label);
  $('categories').replaceChildren(...(names.length ? [chip('', 'Everything'), ...names.map((n) => chip(n, n))] : []));
}

// — the page —

function setCountry(code) {
  state.country = code;
  stored.set(sessionStorage, 'country', code);
  $('country').value = code;
  for (const id of ['picked', 'trending']) {
    if (code) $(id).setAttribute('country', code);
    else $(id).removeAttribute('country');
  }
  $('trending').setAttribute('heading', code ? `Trending now in ${regionName(code)}` : 'Trending now');
}

function regionName(code) {
  try { return new Intl.DisplayNames(['en'], { type: 'region' }).of(code) || code; } catch { return code; }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  stored.set(localStorage, 'theme', theme);
}

function drawChoices(config) {
  $('country').replaceChildren(make('option', { value: '' }, 'everywhere'), ...config.countries.map((c) => make('option', { value: c }, regionName(c))));
  $('persona').replaceChildren(make('option', { value: '' }, 'yourself'),
    ...config.visitors.map((v, i) => make('option', { value: i }, v.taste ? `${v.id}: ${v.taste}` : v.id)));
}

function become(value) {
  const v = state.config.visitors[Number(value)];
  if (value === '' || !v) { setRecent([]); return; }
  if (v.country) setCountry(v.country);
  setRecent(v.recent);
}

function listen() {
  document.addEventListener('edged:select', (e) => {
    e.preventDefault();
    open(e.detail.item, e.detail.fields, e.detail.recommendationId);
  });
  document.addEventListener('edged:answer', (e) => {
    for (const it of e.detail.answer.items || []) if (it.fields && !known.has(it.id)) known.set(it.id, it.fields);
  });
  document.addEventListener('edged:error', failOver);
  $('country').addEventListener('change', (e) => setCountry(e.target.value));
  $('persona').addEventListener('change', (e) => become(e.target.value));
  $('forget').addEventListener('click', () => { $('persona').value = ''; setRecent([]); });
  $('search').addEventListener('submit', (e) => e.preventDefault());
  $('query').addEventListener('input', debounce(() => { state.query = $('query').value.trim(); browse(); }, 150));
  $('more').addEventListener('click', () => browse(true));
  $('add').addEventListener('click', add);
  $('like').addEventListener('click', like);
  $('product').addEventListener('close', close);
  $('product').addEventListener('click', (e) => { if (e.target === $('product')) $('product').close(); });
  $('theme').addEventListener('click', () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
}

function debounce(f, ms) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(f, ms); };
}

function introduce(config) {
  document.title = `${config.name}: edged demo`;
  $('shop-name').textContent = config.name;
  $('banner').textContent = config.simulated
    ? 'A simulated shop: products, prices, visitors and their tastes are made up. The recommendations are computed for real.'
    : `A demonstration on ${config.name}. Nothing here is for sale.`;
  $('about').textContent = 'Every row above was answered by one of the edge nodes running on this machine, from a signed release held in its memory. '
    + 'What you click goes to that node as an event, spreads to the others by gossip, and moves what is trending: here from the first visitor on, in a real shop from the fifth. '
    + 'The items you looked at stay in this tab and travel with each request; no profile is kept of you.';
}

async function start() {
  setTheme(stored.get(localStorage, 'theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  listen();
  const config = state.config = await json('/config.json');
  introduce(config);
  drawNodes();
  drawChoices(config);
  $('picked').nameOf = (id) => known.get(id)?.title;
  setCountry(stored.get(sessionStorage, 'country') || '');
  setRecent(stored.get(sessionStorage, 'recent') || []);
  useNode(0);
  drawCategories(config.categories);
  browse();
  pulse();
  setInterval(() => { if (!document.hidden) pulse(); }, 5000);
  setInterval(() => { if (!document.hidden) $('trending').refresh(); }, 2500);
}

start().catch((e) => { $('banner').textContent = `The shop could not start: ${e.message}`; });
