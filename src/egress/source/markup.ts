import { type CheerioAPI, load } from "cheerio";
import { type AnyNode, type Element, isCDATA, isComment, isTag, isText } from "domhandler";
import type { Content, XmlElement } from "../../sources/source.ts";
import { type Removed, visible } from "./invisible.ts";
import { isUnshown } from "./unshown.ts";

/** HTML as the text that a reader sees, and XML as a tree. cheerio parses; it runs nothing and fetches nothing. */

/** Elements that a page's text is not in. */
const NO_TEXT =
  "script,style,template,noscript,iframe,object,embed,applet,svg,math,canvas,audio,video,frame,frameset";
const UNSHOWN = "[hidden],[aria-hidden=true],input[type=hidden],dialog:not([open]),datalist";
const BLOCKS = new Set(
  "address article aside blockquote body br dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol option p pre section summary table tbody td tfoot th thead tr ul".split(
    " ",
  ),
);
/** Deeper markup is made to break parsers; a page has thirty levels. */
const DEPTH_MAX = 500;

export function pageOf(html: string, removed: Removed): Extract<Content, { kind: "page" }> {
  const $ = load(html);
  removed.scripts += take($, NO_TEXT);
  removed.hidden += take($, UNSHOWN) + takeUnshown($);
  const title = visible($("title").first().text(), removed).replace(/\s+/g, " ").trim();
  $("head").remove();
  const parts: string[] = [];
  gather($.root().toArray(), parts, removed, 0);
  return { kind: "page", title, text: tidy(parts.join("")) };
}

export function xmlOf(xml: string, removed: Removed): XmlElement {
  const $ = load(xml, { xml: true });
  const [root] = $.root().children().toArray();
  if (root === undefined) return { name: "", attributes: {}, text: "", children: [] };
  return elementOf(root, removed, 0);
}

function elementOf(element: Element, removed: Removed, depth: number): XmlElement {
  const children: XmlElement[] = [];
  const texts: string[] = [];
  for (const node of element.children) {
    if (isComment(node)) removed.comments++;
    else if (isText(node)) texts.push(visible(node.data, removed));
    else if (isCDATA(node)) texts.push(visible(textIn(node), removed));
    else if (isTag(node) && depth < DEPTH_MAX) {
      const child = elementOf(node, removed, depth + 1);
      children.push(child);
      texts.push(child.text);
    }
  }
  const attributes = Object.entries(element.attribs).map(([key, value]) => [key, visible(value, removed)] as const);
  return {
    name: element.name,
    attributes: Object.fromEntries(attributes),
    text: texts.join(" ").replace(/\s+/g, " ").trim(),
    children,
  };
}

function textIn(node: AnyNode): string {
  if (isText(node)) return node.data;
  return "children" in node ? node.children.map(textIn).join("") : "";
}

/** Outermost first: what lies in a removed element is not counted again. */
function take($: CheerioAPI, selector: string): number {
  const found = $(selector).filter((_, element) => $(element).parents(selector).length === 0);
  const { length } = found;
  found.remove();
  return length;
}

function takeUnshown($: CheerioAPI): number {
  let taken = 0;
  for (const element of $("[style]").toArray()) {
    if (!isUnshown($(element).attr("style") ?? "")) continue;
    if ($(element).closest("html").length === 0) continue;
    $(element).remove();
    taken++;
  }
  return taken;
}

function gather(nodes: readonly AnyNode[], parts: string[], removed: Removed, depth: number): void {
  for (const node of nodes) {
    if (isComment(node)) removed.comments++;
    else if (isText(node)) parts.push(visible(node.data, removed).replace(/\s+/g, " "));
    else if ("children" in node && depth < DEPTH_MAX) {
      const isBlock = isTag(node) && BLOCKS.has(node.name);
      if (isBlock) parts.push("\n");
      gather(node.children, parts, removed, depth + 1);
      if (isBlock) parts.push("\n");
    }
  }
}

/** One line for each block, no blank ones. */
function tidy(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/[ \t]+/g, " ").trim())
    .filter((line) => line !== "")
    .join("\n");
}
