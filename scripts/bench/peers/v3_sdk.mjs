// Quotes Uniswap v3 swaps with @uniswap/v3-sdk, in a process of its own: bench/peers runs it.
//
//     node v3_sdk.mjs FOLDER CASES ANSWERS PASSES
//
// FOLDER holds the package. CASES is JSON: `pools` by address (tokens, fee_pips, tick_spacing, sqrt_price_x96, tick,
// liquidity, ticks) and `swaps` [pool, zero_for_one, amount_in]. ANSWERS gets each amount out (null where the peer
// refuses) and the seconds of each pass. All integers are text.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const [folder, asked, answered, passes] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { Pool, TickListDataProvider } = require("@uniswap/v3-sdk");
const { Token, CurrencyAmount } = require("@uniswap/sdk-core");

const { pools: raw, swaps } = JSON.parse(readFileSync(asked, "utf8"));
const DECIMALS = 18; // the quote never looks at them

function pool(state) {
  const [token0, token1] = state.tokens.map((address) => new Token(1, address, DECIMALS));
  const ticks = state.ticks.map(([tick, net]) => ({
    index: Number(tick),
    liquidityNet: net,
    liquidityGross: net.replace("-", ""),
  }));
  const provider = new TickListDataProvider(ticks, Number(state.tick_spacing));
  const price = [state.sqrt_price_x96, state.liquidity, Number(state.tick)];
  return new Pool(token0, token1, Number(state.fee_pips), ...price, provider);
}

const pools = Object.fromEntries(Object.entries(raw).map(([address, state]) => [address, pool(state)]));
const orders = swaps.map(([address, zeroForOne, amount]) => {
  const { token0, token1 } = pools[address];
  return [pools[address], CurrencyAmount.fromRawAmount(zeroForOne ? token0 : token1, amount)];
});

let answers = [];
const seconds = [];
for (let pass = 0; pass < Number(passes); pass++) {
  answers = [];
  const start = performance.now();
  for (const [each, amount] of orders) {
    try {
      const [out] = await each.getOutputAmount(amount);
      answers.push(out.quotient.toString());
    } catch {
      answers.push(null);
    }
  }
  seconds.push((performance.now() - start) / 1000);
}
writeFileSync(answered, JSON.stringify({ answers, seconds }));
