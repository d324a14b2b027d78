// Visitors: each walks over the shop, page after page, and fetches a file once, as a browser with its cache does. Another
// page that needs the file is judged with what came. Fetches have the fields of a history's lines.

import { sha256, md5 } from "./digests.js";
import { hasCome } from "./judge.js";
import { readPage, readScript, readStylesheet } from "./links.js";
import { sleep } from "./pace.js";

const PATIENCE = 8_000; // milliseconds
const TRIES = 3;
const PAUSE = 300; // milliseconds
const PAGES = 100;
const EXCERPT = 500;

export const BASE = new URL("/", location.href).href;
export const STATIC = new URL("/static/", location.href).href;

// No cookie goes out or comes in: a visit neither is pinned nor pins. Where a redirect leads, a script is not told.
const askOnce = async (url, cache) => {
  const response = await fetch(url, {
    credentials: "omit",
    cache,
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (response.type === "opaqueredirect") return { answer: { status: 302, redirected_to: "elsewhere" } };
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { answer: await describe(response, bytes), bytes };
};

// A browser gives up what is on its way whenever a network of the machine comes or goes, as with every container that
// starts, and does not tell a script why. So it is asked again, which is noted.
const ask = async (url, cache) => {
  const began = performance.now();
  let got = null;
  for (let tries = 0; tries < TRIES && !got?.answer.status && got?.answer.error !== "timeout"; tries += 1) {
    if (tries) await sleep(PAUSE);
    got = await askOnce(url, cache).catch((error) => ({
      answer: { status: null, error: error.name === "TimeoutError" ? "timeout" : "refused" },
    }));
    got.answer.retried = tries > 0;
  }
  got.answer.ms = Math.round(performance.now() - began);
  return got;
};

const describe = async (response, bytes) => {
  const header = (name) => response.headers.get(name);
  return {
    status: response.status,
    content_type: header("Content-Type"),
    cache_control: header("Cache-Control"),
    nosniff: header("X-Content-Type-Options")?.trim().toLowerCase() === "nosniff",
    bytes: bytes.length,
    sha256: await sha256(bytes),
    md5: md5(bytes),
    replica: header("X-Replica"),
    pid: header("X-Pid"),
    said: header("X-Release"),
    strategy: header("X-Strategy"),
  };
};

const toText = (bytes) => (bytes ? new TextDecoder().decode(bytes) : "");

const readAsset = (url, answer, bytes) => {
  if (!hasCome(answer)) return [];
  const kind = (answer.content_type || "").split(";")[0];
  if (kind === "text/css") return readStylesheet(toText(bytes), url);
  return /javascript/.test(kind) ? readScript(toText(bytes), url) : [];
};

const shuffle = (list) => {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
};

// What matters most to who looks at a page comes first in its evidence.
const WEIGHTY = ["sitemap", "stylesheet", "css-import", "module", "script", "import-map"];
const rankOf = ({ how }) => (WEIGHTY.includes(how) ? WEIGHTY.indexOf(how) : WEIGHTY.length);

// The paths of the shop's sitemap; null when it does not come.
const readSitemap = async () => {
  const { answer, bytes } = await ask(`${BASE}sitemap.xml`, "no-store");
  if (!hasCome(answer)) return null;
  const document = new DOMParser().parseFromString(toText(bytes), "application/xml");
  const places = [...document.getElementsByTagName("loc")].map((place) => place.textContent.trim());
  return places
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url).pathname)
    .slice(0, PAGES);
};

export class Visitor {
  static pages = ["/"];

  constructor(name) {
    this.name = name;
    this.got = new Map();
    this.ahead = [];
  }

  static async arrive(name) {
    const visitor = new Visitor(name);
    Visitor.pages = (await readSitemap()) ?? Visitor.pages;
    visitor.ahead = shuffle([...new Set(["/", ...Visitor.pages])]);
    return visitor;
  }

  get isDone() {
    return !this.ahead.length;
  }

  // Visit the next page of the walk, by way of one release where one is named.
  async visit(clock, pin) {
    const path = this.ahead.pop();
    const url = new URL(path, BASE);
    if (pin) url.searchParams.set("release", pin);
    const t = clock();
    const { answer, bytes } = await ask(url.href, "no-store");
    const html = toText(bytes);
    if (answer.status >= 400) answer.excerpt = html.slice(0, EXCERPT);
    const page = {
      t,
      role: "page",
      url: url.href,
      page: url.href,
      via: null,
      how: "sitemap",
      release: answer.said ?? null,
      visitor: this.name,
      cached: false,
      ...answer,
    };
    const fetches = [page];
    if (/html/.test(answer.content_type))
      await this.follow(
        readPage(html, page.url, (each) => each.startsWith(STATIC)),
        page,
        fetches,
        clock,
      );
    fetches.sort((a, b) => rankOf(a) - rankOf(b));
    return { path, page, fetches, html, pinned: Boolean(pin) };
  }

  async follow(links, page, fetches, clock) {
    const seen = new Set();
    const need = async ({ url, how }, via) => {
      if (seen.has(url) || !url.startsWith(BASE)) return;
      seen.add(url);
      const cached = this.got.has(url);
      if (!cached) this.got.set(url, this.fetchAsset(url));
      const t = clock();
      const { answer, links: named } = await this.got.get(url);
      fetches.push({
        ...answer,
        t,
        role: "asset",
        url,
        page: page.url,
        via,
        how,
        release: page.release,
        visitor: this.name,
        cached,
      });
      await Promise.all(named.map((link) => need(link, url)));
    };
    await Promise.all(links.map((link) => need(link, page.url)));
  }

  // "no-cache" asks the gateway each time, but not past its cache, as "no-store" and "reload" would.
  async fetchAsset(url) {
    const { answer, bytes } = await ask(url, "no-cache");
    return { answer, links: readAsset(url, answer, bytes) };
  }
}
