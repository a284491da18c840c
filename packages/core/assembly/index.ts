export { clear, canonical, transpose, gatherGroups, twiddles, encodeBlocks, encodeJoin4, encodeJoin2 } from './code';
export { hashLeaves, grind } from './blake3';
export { eqDouble, eqRuns, fold, foldBase, dot, dotBase, productRound, outerAdd, outerAddRow } from './multilinear';
export { productCube } from './product-cube';
export { dotRows, combineRows } from './rows';
export { rowsOf, contractAxis, contractAxisBase } from './contract-axis';
export { lookupDenominators, fractionUp, fractionRound, fractionFold } from './fractions';
export { fits16, packWords, packPairs, packRows, matmulWords, matmulPairs, matmulColumns } from './matmul';
