// Routes single orders with @pancakeswap/smart-router, in a process of its own: bench/peers runs it.
//
//     node smart_router.mjs FOLDER CASES ANSWERS RUNS
//
// FOLDER holds the package. CASES is that of tines.mjs. ANSWERS gets, for each order, the amount out that the package claims
// (null where it finds nothing), its `routes` [amount in, token path, pool addresses] and the seconds of every run; an order
// that has taken SECONDS is not run again. Offline: pools and quotes are the package's static and off-chain providers', and
// without a quote id it logs nowhere. It takes PancakeSwap's fee of 0.25% for every v2 pool, so that its claims are too high
// where it uses others: replay its routes.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const SECONDS = 4;
const CONFIG = { maxHops: 3, maxSplits: 4, distributionPercent: 5, gasPriceWei: 0n };
const [folder, asked, answered, runs] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { SmartRouter, PoolType } = require("@pancakeswap/smart-router");
const { CurrencyAmount, ERC20Token, Percent, TradeType } = require("@pancakeswap/sdk");
const { TICK_SPACINGS } = require("@pancakeswap/v3-sdk");
const { getAddress } = require("viem");
const cases = JSON.parse(readFileSync(asked, "utf8"));

const tokens = Object.fromEntries(
  Object.entries(cases.tokens).map(([address, { symbol, decimals }]) => [
    address,
    new ERC20Token(1, getAddress(address), decimals, symbol),
  ]),
);
const NONE = new Percent(0, 1);
TICK_SPACINGS[3000] = 60; // PancakeSwap has a tier of 0.25% in the place of Uniswap's 0.30%

function pool(state) {
  const [first, second] = state.tokens.map((address) => tokens[address]);
  if (state.kind === "uniswap_v2") {
    const [reserve0, reserve1] = state.reserves;
    return {
      type: PoolType.V2,
      address: state.address,
      reserve0: CurrencyAmount.fromRawAmount(first, reserve0),
      reserve1: CurrencyAmount.fromRawAmount(second, reserve1),
    };
  }
  return {
    type: PoolType.V3,
    address: state.address,
    token0: first,
    token1: second,
    fee: Number(state.fee_pips),
    liquidity: BigInt(state.liquidity),
    sqrtRatioX96: BigInt(state.sqrt_price_x96),
    tick: Number(state.tick),
    token0ProtocolFee: NONE,
    token1ProtocolFee: NONE,
    ticks: state.ticks.map(([index, net]) => ({
      index: Number(index),
      liquidityNet: BigInt(net),
      liquidityGross: BigInt(net.replace("-", "")),
    })),
  };
}

const config = {
  ...CONFIG,
  poolProvider: SmartRouter.createStaticPoolProvider(cases.pools.map(pool)),
  quoteProvider: SmartRouter.createOffChainQuoteProvider(),
};
const routes = (trade) =>
  trade.routes.map(({ inputAmount, path, pools }) => [
    inputAmount.quotient.toString(),
    path.map(({ wrapped }) => wrapped.address.toLowerCase()),
    pools.map(({ address }) => address),
  ]);

const answers = [];
for (const [from, to, amount] of cases.orders) {
  const seconds = [];
  let trade = null;
  for (let run = 0, first = performance.now(); run < Number(runs); run++) {
    if (run > 1 && performance.now() - first > SECONDS * 1000) break;
    const start = performance.now();
    const sold = CurrencyAmount.fromRawAmount(tokens[from], amount);
    try {
      trade = await SmartRouter.getBestTrade(sold, tokens[to], TradeType.EXACT_INPUT, config);
    } catch {
      trade = null;
    }
    seconds.push((performance.now() - start) / 1000);
  }
  const claimed = trade?.outputAmount.quotient.toString() ?? null;
  answers.push({ amount_out: claimed, routes: trade ? routes(trade) : [], seconds });
}
writeFileSync(answered, JSON.stringify(answers));
