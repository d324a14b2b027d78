// What a page, a stylesheet or a script names, and how: the words of the lab's probe (scripts/lab/probe).

const TAG = /<[a-z](?:[^"'>]|"[^"]*"|'[^']*')*>/gi;
const RELATIONS = {
  stylesheet: "stylesheet",
  modulepreload: "modulepreload",
  preload: "preload",
  manifest: "manifest",
  icon: "icon",
  "apple-touch-icon": "icon",
  "mask-icon": "icon",
};
const SOURCES = [
  ["img", "src", "img"],
  ["input", "src", "img"],
  ["source", "src", "media"],
  ["video", "src", "media"],
  ["video", "poster", "img"],
  ["audio", "src", "media"],
  ["track", "src", "track"],
  ["embed", "src", "object"],
  ["object", "data", "object"],
  ["use", "href", "svg"],
  ["image", "href", "svg"],
];

// A page that can be parsed under our Content-Security-Policy: its inline styles stand where nobody applies them.
export const disarm = (html) =>
  html
    .replace(TAG, (tag) => tag.replace(/(\s)style(\s*=)/gi, "$1data-lab-style$2"))
    .replace(/<style(?=[\s>])/gi, '<script type="text/x-lab-style"')
    .replace(/<\/style>/gi, "</script>");

export const parsePage = (html) => new DOMParser().parseFromString(disarm(html), "text/html");

// The URL that a file at `base` means by `value`; null for what is not fetched over HTTP.
const resolve = (base, value) => {
  const text = value?.trim();
  if (!text || text.startsWith("#") || !URL.canParse(text, base)) return null;
  const url = new URL(text, base);
  url.hash = "";
  return /^https?:$/.test(url.protocol) ? url.href : null;
};

// Candidates are separated by commas, each a URL and perhaps a descriptor: https://html.spec.whatwg.org/#srcset-attribute
export const splitSet = (text) =>
  (text ?? "")
    .split(/,\s+|,$/)
    .map((each) => each.trim().split(/\s+/)[0])
    .filter(Boolean);

const readImportMap = (text) => {
  try {
    return Object.values(JSON.parse(text).imports ?? {}).filter((url) => typeof url === "string" && !url.endsWith("/"));
  } catch {
    return [];
  }
};

export const readStylesheet = (css, base) => {
  const text = css.replace(/\/\*[^]*?\*\//g, "");
  const found = [];
  const rest = text.replace(/@import\s+(?:url\(\s*)?["']?([^"'();]+)["']?\s*\)?[^;]*;/gi, (_rule, url) => {
    found.push({ url: resolve(base, url), how: "css-import" });
    return "";
  });
  for (const match of rest.matchAll(/url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)/gi)) {
    found.push({ url: resolve(base, match[1] ?? match[2] ?? match[3]), how: "css-url" });
  }
  return found.filter((each) => each.url);
};

const IMPORTS = /\b(?:import|export)\b[^"'`;()]*?(?:from\s*)?(["'])([^"'\n]+)\1|\bimport\(\s*(["'])([^"'\n]+)\3\s*\)/g;

// Only what is a URL: what stands in the page's import map is read with the page.
export const readScript = (code, base) => {
  const text = code.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...text.matchAll(IMPORTS)]
    .map((match) => ({ specifier: match[2] ?? match[4], how: match[2] ? "js-import" : "js-dynamic" }))
    .filter(({ specifier }) => /^(\.{0,2}\/|https?:)/.test(specifier))
    .map(({ specifier, how }) => ({ url: resolve(base, specifier), how }))
    .filter((each) => each.url);
};

export const readPage = (html, base, isStatic) => {
  const page = parsePage(html);
  const found = [];
  const add = (value, how) => found.push({ url: resolve(base, value), how });
  for (const link of page.querySelectorAll("link[rel]")) {
    const how = link.rel
      .toLowerCase()
      .split(/\s+/)
      .map((each) => RELATIONS[each])
      .find(Boolean);
    if (how) add(link.getAttribute("href"), how);
    for (const url of splitSet(link.getAttribute("imagesrcset"))) add(url, "srcset");
  }
  for (const script of page.querySelectorAll("script")) {
    const kind = script.type.trim().toLowerCase();
    if (kind === "importmap") readImportMap(script.textContent).forEach((url) => add(url, "import-map"));
    else if (kind === "text/x-lab-style") found.push(...readStylesheet(script.textContent, base));
    else if (script.hasAttribute("src") && /^$|module|javascript/.test(kind))
      add(script.getAttribute("src"), kind === "module" ? kind : "script");
  }
  for (const [tag, attribute, how] of SOURCES) {
    for (const element of page.querySelectorAll(`${tag}[${attribute}]`)) add(element.getAttribute(attribute), how);
  }
  for (const element of page.querySelectorAll("[srcset]"))
    splitSet(element.getAttribute("srcset")).forEach((url) => add(url, "srcset"));
  for (const element of page.querySelectorAll("[data-lab-style]"))
    found.push(...readStylesheet(element.dataset.labStyle, base));
  for (const element of page.querySelectorAll("a[href]")) {
    const url = resolve(base, element.getAttribute("href"));
    if (url && isStatic(url)) found.push({ url, how: "a" });
  }
  return found.filter((each) => each.url);
};
