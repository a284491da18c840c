export { clear, canonical, canonical8, canonical16, transpose, gatherGroups, twiddles, encodeBlocks, encodeJoin4, encodeJoin2 } from './code';
export { hashLeaves, grind } from './blake3';
export { eqDouble, eqRuns, fold, foldBase, dot, dotBase, productRound, outerAdd, outerAddRow } from './multilinear';
export { productCube } from './product-cube';
export { dotRows, combineRows } from './rows';
export { rowsOf, contractAxis, contractAxisBase } from './contract-axis';
export {
  lookupDenominators, fractionUp, fractionUpBase, fractionRound, fractionRoundBase, fractionFold, fractionFoldBase,
} from './fractions';
export { gather8, gather16, gather32 } from './gather';
export { fits16, packWords, packPairs, packRows, matmulWords, matmulPairs, matmulColumns } from './matmul';
export { readRows8, readRows16, readRows32, readPanels8, readPanels16, readPanels32 } from './matmul';
