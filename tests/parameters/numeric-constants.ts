/** Finds the numbers that are written into source code, with the names that they have there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Constant {
  /** From the root of the repository. */
  readonly file: string;
  readonly name: string;
}

export const keyOf = ({ file, name }: Constant): string => `${file} ${name}`;

/** Files under a folder of the repository that end so, without tests and what was built. */
export function sourcesIn(folder: string, extension: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension) && !/\.(test|bench|d)\.ts$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !/\/(dist|generated|testing|node_modules)\//.test(path))
    .sort();
}

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** A name whose last word is a unit of money, time or trust. */
const UNIT = /(seconds|minutes|hours|days|ms|bps|seats|epochs|tokens|wei|stake|percent|share|blocks|quorum)$/i;

function hasNumber(node: ts.Node): boolean {
  if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) return true;
  // What a function computes is no constant, nor is what a schema bounds.
  if (ts.isFunctionLike(node)) return false;
  if (ts.isCallExpression(node)) {
    const callee = node.expression.getText();
    if (/^parse(Ether|Units|Gwei)$/.test(callee)) return true;
    return /^(BigInt|Number|Object\.freeze|Math\.\w+)$/.test(callee) && node.arguments.some(hasNumber);
  }
  return ts.forEachChild(node, (child) => hasNumber(child) || undefined) ?? false;
}

/**
 * In TypeScript: every constant of a module or class with a number in it, whatever it is called; and every variable,
 * property, default and argument of any function with a number in it that is named by a unit of money, time or trust.
 */
export function constantsOfTypeScript(file: string, text: string): Constant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found = new Map<string, Constant>();
  const add = (name: string) => found.set(name, { file, name });
  const visit = (node: ts.Node, isModule: boolean): void => {
    if (ts.isVariableStatement(node) && isModule) {
      const constants = node.declarationList.declarations.filter((d) => d.initializer && hasNumber(d.initializer));
      for (const d of constants) add(d.name.getText());
      // Members of an object are found with it.
      if (constants.length > 0) return;
    } else if (ts.isPropertyDeclaration(node) && node.initializer && hasNumber(node.initializer)) {
      const isCounter = /^(0n?|1n?|-1)$/.test(node.initializer.getText());
      if (!isCounter) add(node.name.getText());
    } else if (
      (ts.isVariableDeclaration(node) ||
        ts.isParameter(node) ||
        ts.isBindingElement(node) ||
        ts.isPropertyAssignment(node)) &&
      node.name &&
      UNIT.test(node.name.getText())
    ) {
      const value = node.initializer;
      const isZero = value !== undefined && /^(0n?|1n?)$/.test(value.getText());
      if (value && isLiteral(value) && !isZero) add(node.name.getText());
    }
    const inside = isModule && !ts.isFunctionLike(node) && !ts.isClassLike(node) && !ts.isVariableStatement(node);
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source, true);
  return [...found.values()];
}

/** A number, or a sum or product of numbers. */
function isLiteral(node: ts.Expression): boolean {
  if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) return true;
  if (ts.isParenthesizedExpression(node) || ts.isPrefixUnaryExpression(node)) {
    return isLiteral(ts.isPrefixUnaryExpression(node) ? node.operand : node.expression);
  }
  return ts.isBinaryExpression(node) && isLiteral(node.left) && isLiteral(node.right);
}

/**
 * In Solidity: every `constant` or `immutable` with a number, and every number in an expression but 0, 1, 2 and the
 * ten thousand that basis points are of; these have their line as name, without spaces at its ends.
 */
export function constantsOfSolidity(file: string, text: string): Constant[] {
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/\/\/.*$/gm, '')
    // Lengths of arrays.
    .replace(/\b(\w+)\[\d+\]/g, '$1[]')
    .replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const found: Constant[] = [];
  for (const line of code.split('\n')) {
    if (/^\s*(pragma|import)\b/.test(line)) continue;
    const constant = /\b(?:constant|immutable)\s+(\w+)\s*=\s*(.*)/.exec(line);
    const numbers = [...line.matchAll(/(?<![\w.])(\d[\d_]*(?:e\d+)?)\b/g)].map((m) => m[1].replaceAll('_', ''));
    const timed = /\b\d+\s+(?:seconds|minutes|hours|days|weeks|ether|gwei)\b/.test(line);
    if (constant && numbers.length > 0) found.push({ file, name: constant[1] });
    else if (timed || numbers.some((n) => !['0', '1', '2', '10000'].includes(n)))
      found.push({ file, name: line.trim() });
  }
  return found;
}
