/** The page's only style: system fonts, light and dark, prints in black on white, nothing told by colour alone. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--ground:#fff;--panel:#f6f8fa;
--critical:#8b0b1f;--high:#b3401c;--medium:#8a6100;--low:#0b5c8a;--info:#57606a;--good:#176639;--bad:#a40e26}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--line:#3d444d;--ground:#0d1117;--panel:#161b22;
--critical:#ff8b9c;--high:#ffa27a;--medium:#e6c35c;--low:#79c0ff;--info:#9da7b1;--good:#6fdd8b;--bad:#ff8b9c}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem}h2{font-size:1.25rem;margin:2.5rem 0 .75rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{font-size:1.05rem;margin:0}h4{font-size:.95rem;margin:1rem 0 .3rem}p{margin:.4rem 0}
.soft{color:var(--soft)}.small{font-size:.87rem}code,pre{font:0.86em/1.5 ui-monospace,monospace}code{overflow-wrap:anywhere}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.card{border:1px solid var(--line);border-radius:8px;padding:1rem 1.1rem;margin:1rem 0;break-inside:avoid-page}
.band{border-left:6px solid var(--line)}.critical{border-left-color:var(--critical)}.high{border-left-color:var(--high)}.medium{border-left-color:var(--medium)}.low{border-left-color:var(--low)}
.tag{display:inline-block;border:1px solid currentColor;border-radius:4px;padding:0 .4rem;font-size:.8rem;font-weight:600;margin-right:.4rem;white-space:nowrap}
.tag.critical{color:var(--critical)}.tag.high{color:var(--high)}.tag.medium{color:var(--medium)}.tag.low{color:var(--low)}.tag.info{color:var(--info)}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
.numbers{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}.numbers div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.6rem .9rem;min-width:8.5rem}
.numbers b{display:block;font-size:1.4rem;line-height:1.2}details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft)}ol,ul{margin:.3rem 0;padding-left:1.3rem}
nav a{margin-right:.9rem;white-space:nowrap}a{color:inherit}
@media print{:root{color-scheme:light}body{font-size:11pt}main{max-width:none;padding:0}details{display:block}details>*{display:block}nav{display:none}}
`.trim();
