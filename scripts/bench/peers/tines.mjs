// Routes single orders with @sushiswap/tines, in a process of its own: bench/peers.py runs it.
//
//     node tines.mjs FOLDER CASES ANSWERS RUNS [FLOWS ...]
//
// FOLDER holds the package. CASES is JSON: `tokens` by address (symbol, decimals), `base` (the token of gas), `pools` in
// the form of snapshot files, `orders` [token in, token out, amount in]. ANSWERS gets, by number of flows, for each order the
// amount out as text (null where there is none) and the seconds of every run; the first run is cold. All integers are text.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const [folder, asked, answered, runs, ...more] = process.argv.slice(2);
const FLOWS = more.length ? more.map(Number) : [12, 100];
const tines = createRequire(`${folder}/package.json`)("@sushiswap/tines");
const cases = JSON.parse(readFileSync(asked, "utf8"));

const tokens = Object.fromEntries(
  Object.entries(cases.tokens).map(([address, { symbol, decimals }]) => [
    address,
    { address, symbol, name: symbol, decimals, chainId: 1 },
  ]),
);
tines.setTokenId(...Object.values(tokens));

const price = (tick) => 1.0001 ** (tick / 2);

// What the pool holds of each token, from its ticks: the package weighs pools by it.
function holdings({ ticks, sqrt_price_x96 }) {
  const here = Number(sqrt_price_x96) / 2 ** 96;
  let [first, second, liquidity] = [0, 0, 0];
  for (let i = 0; i + 1 < ticks.length; i++) {
    liquidity += Number(ticks[i][1]);
    const [low, high] = [price(Number(ticks[i][0])), price(Number(ticks[i + 1][0]))];
    const middle = Math.min(Math.max(here, low), high);
    first += liquidity * (1 / middle - 1 / high);
    second += liquidity * (middle - low);
  }
  return [first, second].map((amount) => BigInt(Math.max(0, Math.floor(amount))));
}

function pool(state) {
  const [first, second] = state.tokens.map((address) => tokens[address]);
  const fee = Number(state.fee_pips) / 1e6;
  if (state.kind === "uniswap_v2") {
    return new tines.ConstantProductRPool(state.address, first, second, fee, ...state.reserves.map(BigInt));
  }
  const ticks = state.ticks.map(([index, net]) => ({ index: Number(index), DLiquidity: BigInt(net) }));
  const now = [Number(state.tick), BigInt(state.liquidity), BigInt(state.sqrt_price_x96)];
  return new tines.UniV3Pool(state.address, first, second, fee, ...holdings(state), ...now, ticks);
}

const pools = cases.pools.map(pool);
const answers = {};
for (const flows of FLOWS) {
  answers[flows] = cases.orders.map(([from, to, amount]) => {
    const seconds = [];
    let route = null;
    for (let run = 0; run < Number(runs); run++) {
      const start = performance.now();
      route = tines.findMultiRouteExactIn(tokens[from], tokens[to], BigInt(amount), pools, tokens[cases.base], 0, flows);
      seconds.push((performance.now() - start) / 1000);
    }
    const found = route.status === "Success";
    return { amount_out: found ? route.amountOutBI.toString() : null, legs: route.legs.length, seconds };
  });
}
writeFileSync(answered, JSON.stringify(answers));
