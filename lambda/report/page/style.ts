// How the pages look: light and dark, on a phone, on paper. No file is loaded, and no colour stands in the markup.

export const STYLE = `
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1b1d20;--soft:#5a6069;--line:#e2e3df;--good:#1a7f4b;--warn:#9a6200;--bad:#c0322b;--idle:#8a919b;--blue:#2563c9;--tint:#eef3fb;--code:#f1f1ee}
@media (prefers-color-scheme:dark){:root{--bg:#131518;--card:#1c1f24;--ink:#e7e9ec;--soft:#a2a9b3;--line:#30353c;--good:#4cc38a;--warn:#e5a63b;--bad:#ff7a70;--idle:#7b838e;--blue:#7fb0ff;--tint:#1d2735;--code:#262a30}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main,header.top{max-width:1120px;margin:0 auto;padding:0 24px}
header.top{padding-top:28px}
a{color:var(--blue)}
h1{font-size:28px;line-height:1.2;margin:6px 0 8px;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:19px;line-height:1.3;margin:0 0 4px;letter-spacing:-.005em}
h3{font-size:15px;margin:18px 0 6px}
p{margin:0 0 10px}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;margin:16px 0;min-width:0}
section>p.note,.note{color:var(--soft);font-size:13.5px}
.crumb{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.verdict{border-left:5px solid var(--idle);padding:2px 0 2px 16px;margin:0 0 16px}
.verdict.good{border-color:var(--good)}.verdict.warn{border-color:var(--warn)}.verdict.bad{border-color:var(--bad)}
.verdict p{margin:0;color:var(--soft);max-width:75ch}
.shares{display:block;width:100%;height:12px;border-radius:6px;overflow:hidden;background:var(--line)}
.shares .succeeded{fill:var(--good)}.shares .skipped{fill:var(--blue)}.shares .failed{fill:var(--bad)}.shares .pending{fill:var(--idle)}
dl.big{display:grid;grid-template-columns:repeat(auto-fit,minmax(112px,1fr));gap:14px 18px;margin:16px 0 0}
dl.big div{min-width:0}
dl.big dt{color:var(--soft);font-size:12.5px}
dl.big dt::before{content:"";display:inline-block;width:9px;height:9px;border-radius:3px;margin-right:6px}
dl.big .succeeded dt::before{background:var(--good)}dl.big .skipped dt::before{background:var(--blue)}dl.big .failed dt::before{background:var(--bad)}dl.big .pending dt::before{background:var(--idle)}
dl.big div.plain dt::before{display:none}
dl.big dd{margin:0;font-size:21px;font-weight:620;font-variant-numeric:tabular-nums;line-height:1.25;overflow-wrap:anywhere}
dl.big dd small{display:block;font-size:12.5px;font-weight:400;color:var(--soft)}
.command{display:flex;gap:8px;align-items:stretch;margin:8px 0 0}
.command code{flex:1;min-width:0}.command+.crumb,p.crumb.last{margin-top:16px}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.command code,pre{display:block;background:var(--code);border-radius:8px;padding:9px 12px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
pre{max-height:420px;overflow:auto}
button,select,input[type=search]{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:7px 12px}
button{cursor:pointer}
button:hover{background:var(--tint)}
:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
details{border-top:1px solid var(--line);padding:10px 0}
details:first-of-type{border-top:0}
summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}
summary .count{font-weight:400;color:var(--soft);margin-left:8px;font-variant-numeric:tabular-nums}
.tag{display:inline-block;font-size:12px;line-height:1.5;border-radius:99px;padding:0 9px;background:var(--tint);color:var(--ink);margin:0 4px 4px 0;white-space:nowrap}
.tag.failed{background:none;border:1px solid var(--bad);color:var(--bad)}
.todo{border-left:3px solid var(--blue);padding-left:10px;margin:8px 0 12px}
ul.inputs{list-style:none;padding:0;margin:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:12px}
ul.inputs li{display:grid;grid-template-columns:104px 1fr;gap:12px;align-items:start;min-width:0}
ul.inputs .key{font-weight:560}
.key,td.key,.message{overflow-wrap:anywhere}
.message{color:var(--soft);font-size:13.5px}
.still{display:grid;place-items:center;width:104px;height:84px;border-radius:8px;background:var(--code);overflow:hidden;color:var(--soft);font-size:12px;text-align:center}
.still>*{grid-area:1/1}.still img{width:100%;height:100%;min-height:0;object-fit:contain;display:block;background:var(--code);z-index:1}
.still code{font-size:9px;line-height:1.35;padding:5px;overflow-wrap:anywhere;max-height:84px;overflow:hidden}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:18px;margin:14px 0 0;padding:0;list-style:none}
.card{min-width:0;border:1px solid var(--line);border-radius:10px;overflow:hidden;display:flex;flex-direction:column;background:var(--bg)}
.frame{position:relative;height:220px;background:repeating-conic-gradient(var(--line) 0 25%,transparent 0 50%) 0 0/16px 16px}
.frame img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}
.compare{--at:50%}
.compare .before{clip-path:inset(0 calc(100% - var(--at)) 0 0)}
.compare .after{clip-path:inset(0 0 0 var(--at))}
.compare .rule{position:absolute;top:0;bottom:0;left:var(--at);width:2px;margin-left:-1px;background:#fff;box-shadow:0 0 0 1px rgba(0,0,0,.45);pointer-events:none}
.compare .side{position:absolute;bottom:8px;font-size:11px;line-height:1.6;padding:0 8px;border-radius:99px;background:#111;color:#fff;pointer-events:none}
.compare .side.l{left:8px}.compare .side.r{right:8px}
.compare input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize}
.compare input:focus-visible+.rule{outline:3px solid var(--blue)}
.two{display:grid;grid-template-columns:1fr 1fr;gap:2px}
.two .frame{height:220px}
.none{position:absolute;inset:0;display:grid;place-items:center;padding:12px;text-align:center;color:var(--soft);font-size:12.5px;background:var(--code)}
.card .text{padding:10px 12px 12px;min-width:0}
.card .text p{margin:0 0 6px}
.scroll{overflow-x:auto;margin:10px -22px 0;padding:0 22px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
.scroll.tall{max-height:640px;overflow:auto}.scroll.tall thead th{position:sticky;top:0;background:var(--card);z-index:2}
caption{text-align:left;color:var(--soft);font-size:13px;padding:0 0 6px}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.key{min-width:180px}
th button{border:0;background:none;padding:2px 4px;margin:-2px -4px;font-weight:600;border-radius:5px;white-space:nowrap}
th button::after{content:"";display:inline-block;width:1em;text-align:center;color:var(--soft)}
th[aria-sort=ascending] button::after{content:"↑"}th[aria-sort=descending] button::after{content:"↓"}
th.n button::after{width:1em}
tr[hidden]{display:none}
.state{white-space:nowrap}
.state::before{content:"";display:inline-block;width:8px;height:8px;border-radius:3px;margin-right:6px;background:var(--idle)}
.state.succeeded::before{background:var(--good)}.state.skipped::before{background:var(--blue)}.state.failed::before{background:var(--bad)}
.bar{width:96px}
.share{display:inline-block;width:80px;height:7px;vertical-align:middle}
.share rect{fill:var(--blue)}.share rect.track{fill:var(--line)}
.filters{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:10px 0 0}
.filters input{flex:1;min-width:180px}
.filters label{display:contents}
.quiet{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.chart,.histogram{display:block;max-width:100%}
.chart{width:100%;height:72px}.chart path{vector-effect:non-scaling-stroke}.course{margin:12px 0 0}.course figcaption{font-size:12.5px;color:var(--soft)}.course b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
.histogram text,.curve text{font-size:10.5px;fill:var(--soft)}
.chart .grid{stroke:var(--line);fill:none;stroke-dasharray:3 4}
.chart .axis{stroke:var(--idle);fill:none}
.chart .area{fill:var(--blue);fill-opacity:.28;stroke:var(--blue);stroke-width:1.2}
.chart.failed .area{fill:var(--bad);stroke:var(--bad);fill-opacity:.35}
.chart.busy .area{fill:var(--good);stroke:var(--good);fill-opacity:.22}
.span{display:flex;justify-content:space-between;gap:12px;color:var(--soft);font-size:12.5px;margin:2px 0 0;font-variant-numeric:tabular-nums}
.histogram{height:auto}
.histogram rect{fill:var(--blue)}
.stages{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,450px),1fr));gap:8px 28px}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:0 32px}
.columns>*{min-width:0}
footer{max-width:1120px;margin:0 auto;padding:6px 24px 40px;color:var(--soft);font-size:13px}
.viewer .frame{height:440px;overflow:hidden}
.viewer .frame img{transform:scale(var(--zoom,1));transform-origin:var(--x,50%) var(--y,50%)}
.viewer .frame.pixels img{image-rendering:pixelated}
.viewer .compare .before,.viewer .compare .after{clip-path:none}
.half{position:absolute;inset:0}
.compare .half.l{clip-path:inset(0 calc(100% - var(--at)) 0 0)}
.compare .half.r{clip-path:inset(0 0 0 var(--at))}
.controls{display:flex;flex-wrap:wrap;gap:8px 18px;align-items:center;margin:8px 0}
.controls label{display:flex;gap:8px;align-items:center;font-size:13.5px;color:var(--soft)}
.controls input[type=range]{width:120px;accent-color:var(--blue)}
.controls label{min-width:0;max-width:100%}.controls select{max-width:300px;min-width:0;width:100%}
.beside{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:8px 24px;align-items:start}
td .thumb{width:64px;height:44px;object-fit:cover;border-radius:5px;display:block}
.curve{display:block;width:100%;height:auto;max-width:460px}
.curve .axis{stroke:var(--idle);fill:none}.curve .grid{stroke:var(--line);stroke-dasharray:3 4;fill:none}
.curve .f0{stroke:var(--blue);fill:var(--blue)}.curve .f1{stroke:var(--good);fill:var(--good)}.curve .f2{stroke:var(--warn);fill:var(--warn)}.curve .f3{stroke:var(--bad);fill:var(--bad)}
.curve path.line{fill:none;stroke-width:1.5;opacity:.6}
.curve text{stroke:none}
@media (max-width:820px){.beside{grid-template-columns:minmax(0,1fr)}.viewer .frame{height:300px}}
@media (max-width:520px){main,header.top,footer{padding-left:14px;padding-right:14px}section{padding:16px 14px}.scroll{margin:10px -14px 0;padding:0 14px}h1{font-size:23px}ul.inputs,.sheet{grid-template-columns:1fr}ul.inputs li{grid-template-columns:84px 1fr}.still{width:84px}dl.big{grid-template-columns:1fr 1fr}.command{flex-direction:column}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc}body{font-size:11px}section{border:0;padding:8px 0;break-inside:auto}.card,ul.inputs li,tr,svg{break-inside:avoid}.filters,.command button{display:none}.scroll,.scroll.tall{overflow:visible;max-height:none}.frame,.two .frame{height:150px}.sheet{grid-template-columns:repeat(3,1fr)}pre{max-height:none}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`.trim();
