/** The page's only style: system fonts, light and dark, prints in black on white, nothing told by colour alone. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--ground:#fff;--panel:#f6f8fa;
--critical:#8b0b1f;--high:#b3401c;--medium:#7d5700;--low:#0b5c8a;--info:#59636e;--good:#176639;--bad:#a40e26;--calm:#59636e;--link:#0b5394}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--line:#3d444d;--ground:#0d1117;--panel:#151b23;
--critical:#ff8b9c;--high:#ffa27a;--medium:#e6c35c;--low:#79c0ff;--info:#9da7b1;--good:#6fdd8b;--bad:#ff8b9c;--calm:#9da7b1;--link:#79c0ff}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}
main{max-width:64rem;margin:0 auto;padding:2rem 1.5rem 4rem}
h1{font-size:1.75rem;line-height:1.25;margin:.2rem 0 1.2rem;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:3rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h3{font-size:1.1rem;line-height:1.35;margin:0 0 .4rem}h4{font-size:.95rem;margin:1.3rem 0 .3rem}p{margin:.4rem 0}
ol,ul{margin:.3rem 0;padding-left:1.4rem}li{margin:.15rem 0}a{color:var(--link);text-underline-offset:.15em}
.soft{color:var(--soft)}.small{font-size:.87rem}.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
code,pre{font:.86em/1.5 ui-monospace,monospace}code{overflow-wrap:anywhere}blockquote{margin:.3rem 0;padding-left:.8rem;border-left:3px solid var(--line)}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;white-space:pre-wrap;overflow-wrap:anywhere}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.8rem;margin:0 0 1.2rem}
.answer{background:var(--panel);border:1px solid var(--line);border-top:4px solid var(--calm);border-radius:6px;padding:.8rem 1rem .9rem;font-size:.9rem}
.is-good{border-top-color:var(--good)}.is-good .short{color:var(--good)}.is-bad{border-top-color:var(--bad)}.is-bad .short{color:var(--bad)}
.answer h2{all:unset;display:block;color:var(--soft);font-size:.85rem}.answer .short{font-size:1.45rem;line-height:1.3;font-weight:650;margin:.1rem 0 .3rem}
header h2{margin-top:1.5rem}nav{margin:1rem 0 0}nav a{margin-right:1rem;white-space:nowrap}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
article{border:1px solid var(--line);border-left:5px solid var(--info);border-radius:6px;padding:1.1rem 1.3rem;margin:1.2rem 0}
article.critical{border-left-color:var(--critical)}article.high{border-left-color:var(--high)}
article.medium{border-left-color:var(--medium)}article.low{border-left-color:var(--low)}
article .task{background:var(--panel);border-radius:6px;padding:.6rem .9rem;margin:1rem 0 .6rem}
.tag{display:inline-block;border:1px solid var(--line);border-radius:4px;padding:0 .4rem;font-size:.8rem;white-space:nowrap}
.tag.strong,.tag.critical,.tag.high,.tag.medium,.tag.low,.tag.info{border-color:currentColor;font-weight:600}
.tag.critical{color:var(--critical)}.tag.high{color:var(--high)}.tag.medium{color:var(--medium)}.tag.low{color:var(--low)}.tag.info{color:var(--info)}
details{margin:.5rem 0}td details{margin:0}summary{cursor:pointer;color:var(--soft)}summary code{color:var(--ink)}
@media(max-width:42rem){main{padding:1.2rem 1rem 3rem}h1{font-size:1.4rem}.answers{grid-template-columns:1fr 1fr}.answer{padding:.6rem .7rem}.answer .short{font-size:1.15rem}
article{padding:.9rem 1rem}thead{display:none}tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
td,td.n{display:block;border:0;padding:.05rem 0;text-align:left;white-space:normal}td:empty{display:none}
td details{display:inline-block;vertical-align:top}td::before{content:attr(data-name) ": ";color:var(--soft);font-size:.85em}}
@media print{:root{color-scheme:light}body{font-size:10.5pt}main{max-width:none;padding:0}nav{display:none}article,tr,.answer{break-inside:avoid}
details::details-content{content-visibility:visible;display:block}a{color:inherit;text-decoration:none}}
`.trim();
