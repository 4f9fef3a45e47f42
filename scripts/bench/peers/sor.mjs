// Routes single orders with @balancer-labs/sor, in a process of its own: bench/peers runs it.
//
//     node sor.mjs FOLDER CASES ANSWERS RUNS [MAX_POOLS ...]
//
// FOLDER holds the package. CASES is that of tines.mjs, of Balancer pools. ANSWERS gets, by the most pools in one trade, for
// each order the amount out as text (null where there is none), its `swaps` [pool id, token in, token out, amount in; "0" takes
// what the swap before gave] and the seconds of every run; the package keeps the paths of the first one.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const SECONDS = 4;
const [folder, asked, answered, runs, ...more] = process.argv.slice(2);
const MAX_POOLS = more.length ? more.map(Number) : [4, 10];
const require = createRequire(`${folder}/package.json`);
const { SOR, SwapTypes } = require("@balancer-labs/sor");
const { BigNumber, formatFixed } = require("@ethersproject/bignumber");
const cases = JSON.parse(readFileSync(asked, "utf8"));

const whole = (raw, decimals) => formatFixed(BigNumber.from(raw), decimals);
const decimals = (address) => cases.tokens[address].decimals;

const pools = cases.pools.map((state) => ({
  id: state.pool_id,
  address: state.address,
  poolType: state.kind === "balancer_v2_weighted" ? "Weighted" : "Stable",
  swapFee: state.swap_fee_wad ? whole(state.swap_fee_wad, 18) : whole(state.fee_pips, 6),
  swapEnabled: true,
  totalShares: "1",
  totalWeight: "1",
  amp: state.amplification,
  tokensList: state.tokens,
  tokens: state.tokens.map((address, i) => ({
    address,
    balance: whole(state.balances[i], decimals(address)),
    decimals: decimals(address),
    priceRate: "1",
    weight: state.weights ? whole(state.weights[i], 18) : null,
  })),
}));

const config = { chainId: 1, vault: "0xba12222222228d8ba445958a75a0704d566bf2c8", weth: cases.base };
const free = { getNativeAssetPriceInToken: async () => "0" };
const options = { gasPrice: BigNumber.from(0), swapGas: BigNumber.from(0), poolTypeFilter: "All", timestamp: 0 };

const answers = {};
for (const maxPools of MAX_POOLS) {
  const router = new SOR({}, config, { getPools: async () => pools }, free);
  await router.fetchPools();
  answers[maxPools] = [];
  for (const [from, to, amount] of cases.orders) {
    const seconds = [];
    let found = null;
    for (let run = 0, first = performance.now(); run < Number(runs); run++) {
      if (run > 1 && performance.now() - first > SECONDS * 1000) break;
      const start = performance.now();
      const sold = BigNumber.from(amount);
      found = await router.getSwaps(from, to, SwapTypes.SwapExactIn, sold, { ...options, maxPools });
      seconds.push((performance.now() - start) / 1000);
    }
    const { returnAmount, swaps, tokenAddresses } = found;
    answers[maxPools].push({
      amount_out: returnAmount.isZero() ? null : returnAmount.toString(),
      swaps: swaps.map((swap) => [
        swap.poolId,
        tokenAddresses[swap.assetInIndex],
        tokenAddresses[swap.assetOutIndex],
        swap.amount,
      ]),
      seconds,
    });
  }
}
writeFileSync(answered, JSON.stringify(answers));
