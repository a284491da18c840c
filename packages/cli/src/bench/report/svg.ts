/** Just enough of SVG for charts. */

export type Anchor = 'start' | 'middle' | 'end';

export interface TextStyle {
  readonly anchor?: Anchor;
  readonly size?: number;
  readonly colour?: string;
  readonly bold?: boolean;
  /** Degrees. */
  readonly turn?: number;
}

export const INK = '#1f2430';
export const FAINT = '#6b7280';
export const GRID = '#e3e6ea';
/** Told apart by people with any colour vision (Okabe, Ito 2008). */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#7f7f7f'];

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const n = (x: number): string => String(Number(x.toFixed(2)));

export class Drawing {
  private readonly parts: string[] = [];

  constructor(
    readonly width: number,
    readonly height: number,
  ) {}

  line(x1: number, y1: number, x2: number, y2: number, colour = INK, width = 1, dashed = false): void {
    const dash = dashed ? ' stroke-dasharray="6 4"' : '';
    this.parts.push(
      `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${colour}" stroke-width="${width}"${dash}/>`,
    );
  }

  rect(x: number, y: number, width: number, height: number, colour: string): void {
    this.parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="${colour}"/>`);
  }

  dot(x: number, y: number, colour: string, hollow = false): void {
    const fill = hollow ? '#ffffff' : colour;
    this.parts.push(`<circle cx="${n(x)}" cy="${n(y)}" r="4.5" fill="${fill}" stroke="${colour}" stroke-width="1.5"/>`);
  }

  text(x: number, y: number, words: string, style: TextStyle = {}): void {
    const { anchor = 'start', size = 13, colour = INK, bold = false, turn } = style;
    const more = `${bold ? ' font-weight="600"' : ''}${turn ? ` transform="rotate(${turn} ${n(x)} ${n(y)})"` : ''}`;
    this.parts.push(
      `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}"${more}>${escaped(words)}</text>`,
    );
  }

  toString(): string {
    const { width, height } = this;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">`,
      `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
      ...this.parts,
      '</svg>\n',
    ].join('\n');
  }
}
