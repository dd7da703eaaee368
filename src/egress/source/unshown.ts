/**
 * Is an element with this inline style one that its reader does not see? By what it says of itself alone: what a style sheet or an
 * element around it does is not worked out, nor is one colour on the same colour. Escapes of CSS and comments in it change nothing.
 */
export function isUnshown(style: string): boolean {
  const said = declarationsOf(style);
  return said.some(([property, value]) => isUnshownBy(property, value)) || isPoint(said);
}

type Declaration = readonly [property: string, value: string];

function declarationsOf(style: string): Declaration[] {
  return style
    .replaceAll(/\/\*.*?\*\//gs, "")
    .replaceAll(ESCAPE, (_, hex: string | undefined, plain: string | undefined) =>
      hex === undefined ? (plain ?? "") : characterOf(Number.parseInt(hex, 16)),
    )
    .toLowerCase()
    .split(";")
    .map((one) => one.replace(/!\s*important\s*$/, ""))
    .map((one) => [one.slice(0, one.indexOf(":")).trim(), one.slice(one.indexOf(":") + 1).trim()] as const);
}

/** CSS Syntax 3, 4.3.7. */
const ESCAPE = /\\(?:([0-9a-fA-F]{1,6})\s?|(.))/gs;
const CODE_POINT_MAX = 0x10_ffff;

function characterOf(code: number): string {
  return code === 0 || code > CODE_POINT_MAX ? "\ufffd" : String.fromCodePoint(code);
}

/** Under these nobody reads anything. */
const OPACITY_MIN = 0.1;
const SCALE_MIN = 0.05;
const FONT_PX_MIN = 3;
/** So far off its place that it is off the page. */
const OFF_LEFT_PX = -100;
const OFF_RIGHT_PX = 2_000;

function isUnshownBy(property: string, value: string): boolean {
  const lengths = lengthsIn(value);
  switch (property) {
    case "display":
      return value === "none";
    case "visibility":
    case "content-visibility":
      return value === "hidden" || value === "collapse";
    case "opacity":
      return fractionOf(value) < OPACITY_MIN;
    case "filter":
      return Array.from(value.matchAll(/opacity\(([^)]*)\)/g)).some(
        ([, inner = ""]) => fractionOf(inner) < OPACITY_MIN,
      );
    case "zoom":
      return fractionOf(value) < SCALE_MIN;
    case "font-size":
      return lengths.some((px) => px < FONT_PX_MIN);
    case "font":
      return lengthsIn(value.split("/", 1)[0] ?? "").some((px) => px < FONT_PX_MIN);
    case "width":
    case "height":
    case "max-width":
    case "max-height":
      return lengths.some((px) => px <= 0);
    case "left":
    case "right":
    case "top":
    case "bottom":
    case "inset":
    case "text-indent":
    case "translate":
    case "margin":
    case "margin-left":
    case "margin-top":
      return lengths.some(isOff);
    case "transform":
      return isTransformedAway(value);
    case "clip":
      return value.startsWith("rect(") && lengths.every((px) => px <= 1);
    case "clip-path":
      return isClippedAway(value);
    case "color":
    case "-webkit-text-fill-color":
      return alphaOf(value) < OPACITY_MIN;
    default:
      return false;
  }
}

/** What is for screen readers alone: a point, and what does not fit into it is cut off. */
function isPoint(said: readonly Declaration[]): boolean {
  const of = (property: string) => said.findLast(([name]) => name === property)?.[1] ?? "";
  const isSmall = (property: string) => lengthsIn(of(property)).some((px) => px <= 1);
  return isSmall("width") && isSmall("height") && /hidden|clip/.test(of("overflow"));
}

function isOff(px: number): boolean {
  return px <= OFF_LEFT_PX || px >= OFF_RIGHT_PX;
}

function isTransformedAway(value: string): boolean {
  return Array.from(value.matchAll(/([a-z0-9]+)\(([^)]*)\)/g)).some(([, name = "", inner = ""]) =>
    name.startsWith("scale")
      ? inner.split(",").some((one) => Math.abs(fractionOf(one)) < SCALE_MIN)
      : name.startsWith("translate") && lengthsIn(inner).some(isOff),
  );
}

function isClippedAway(value: string): boolean {
  const shares = Array.from(value.matchAll(/([\d.]+)%/g), ([, share]) => Number(share));
  if (value.startsWith("inset(")) return shares.some((share) => share >= 50);
  const numbers = Array.from(value.matchAll(NUMBER), ([, number]) => Number(number));
  return /^(?:circle|ellipse|polygon)\(/.test(value) && numbers.length > 0 && numbers.every((number) => number === 0);
}

const NUMBER = /([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z%]*)/g;
/** Roughly: of a font of sixteen pixels, on a page of a thousand. */
const PX: Readonly<Record<string, number>> = {
  px: 1,
  pt: 1.33,
  pc: 16,
  em: 16,
  rem: 16,
  ch: 8,
  ex: 8,
  "%": 0.16,
  vw: 10,
  vh: 10,
  vmin: 10,
  vmax: 10,
  cm: 38,
  mm: 3.8,
  in: 96,
};

/** In pixels. A number without a unit is a length only when it is nothing. */
function lengthsIn(value: string): number[] {
  return Array.from(value.matchAll(NUMBER)).flatMap(([, number, unit = ""]) => {
    if (unit === "") return Number(number) === 0 ? [0] : [];
    const px = PX[unit];
    return px === undefined ? [] : [Number(number) * px];
  });
}

/** 1 when it is no number. */
function fractionOf(value: string): number {
  const text = value.trim();
  const number = Number.parseFloat(text);
  if (Number.isNaN(number)) return 1;
  return text.endsWith("%") ? number / 100 : number;
}

function alphaOf(colour: string): number {
  if (colour === "transparent") return 0;
  const [, hex = ""] = /^#([0-9a-f]+)$/.exec(colour) ?? [];
  if (hex.length === 4) return Number.parseInt(hex.slice(3), 16) / 15;
  if (hex.length === 8) return Number.parseInt(hex.slice(6), 16) / 255;
  const [, inner = ""] = /^[a-z-]+\((.*)\)$/.exec(colour) ?? [];
  const [, alpha] = inner.split("/");
  if (alpha !== undefined) return fractionOf(alpha);
  const parts = inner.split(",");
  return parts.length === 4 ? fractionOf(parts[3] ?? "") : 1;
}
