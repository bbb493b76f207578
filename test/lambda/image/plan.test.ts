// The plan: one decode, sizes descending, nothing made of pixels that lack the detail.
import { describe, expect, it } from 'vitest';
import { type PixelNode, plan, type Wish } from '../../../lambda/image/plan.ts';
import type { Operations } from '../../../lambda/recipe/types.ts';

const CONTEXT = { width: 4000, height: 3000, vector: false, decoded: false, canHold: () => true };

function wishes(...operations: Operations[]): Wish[] {
  return operations.map((one, use) => ({ operations: one, use }));
}

/** The tree in brief: width, or names of operations, with uses and children. */
function brief({ operations, uses, children }: PixelNode): unknown {
  return [operations.resize?.width ?? 'all', uses, ...children.map(brief)];
}

describe('plan', () => {
  it('makes each size from the next larger one, in whatever order they are asked for', () => {
    const nodes = plan(
      wishes({ resize: { width: 320 } }, { resize: { width: 1600 } }, { resize: { width: 640 } }),
      CONTEXT,
    );
    expect(nodes.map(brief)).toEqual([[1600, [1], [640, [2], [320, [0]]]]]);
  });

  it('makes equal sizes once', () => {
    const nodes = plan(
      wishes(
        { resize: { width: 400 } },
        { resize: { height: 300 } },
        { resize: { width: 400, height: 999, fit: 'inside' } },
      ),
      CONTEXT,
    );
    expect(nodes.map(brief)).toEqual([[400, [0, 1, 2]]]);
  });

  it('hangs crops and effects on the smallest copy that has the detail', () => {
    const crop = { resize: { width: 500, height: 500, fit: 'cover' as const } };
    const nodes = plan(
      wishes({ resize: { width: 1600 } }, { resize: { width: 900 } }, { resize: { width: 300 } }, crop),
      CONTEXT,
    );
    // 500 x 500 of 4:3 needs 667 x 500.
    expect(nodes.map(brief)).toEqual([[1600, [0], [900, [1], [300, [2]], [500, [3]]]]]);
  });

  it('makes nothing from a copy that is hardly larger: two passes of the kernel would blur it', () => {
    const crop = { resize: { width: 500, height: 500, fit: 'cover' as const } };
    const nodes = plan(
      wishes({ resize: { width: 1600 } }, { resize: { width: 700 } }, { resize: { width: 650 } }, crop),
      CONTEXT,
    );
    expect(nodes.map(brief)).toEqual([[1600, [0], [700, [1]], [650, [2]], [500, [3]]]]);
  });

  it('makes nothing from what is padded or cropped, however it is written', () => {
    const padded = { resize: { width: 9000, fit: 'contain' as const, withoutEnlargement: true } };
    const squeezed = { resize: { width: 200, withoutReduction: true } };
    const nodes = plan(wishes(padded, { resize: { width: 150 } }, squeezed), CONTEXT);
    expect(nodes.map(brief)).toEqual([['all', [], [150, [1]], [9000, [0]], [200, [2]]]]);
  });

  it('lets crops that look for something, and effects that amplify, start at the source', () => {
    const nodes = plan(
      wishes(
        { resize: { width: 1600 } },
        { resize: { width: 300, height: 300, position: 'attention' } },
        { resize: { width: 300 }, threshold: {} },
      ),
      { ...CONTEXT, opening: () => ({ shrinks: 'jpeg' }) },
    );
    expect(nodes.map(brief)).toEqual([
      [1600, [0]],
      [300, [1]],
      [300, [2]],
    ]);
  });

  it('decodes once for several crops, at the size that the largest needs', () => {
    const [only, ...none] = plan(
      wishes({ resize: { width: 1000, height: 500 } }, { resize: { width: 400, height: 400 } }),
      CONTEXT,
    );
    expect(none).toEqual([]);
    expect(only?.operations).toEqual({ resize: { width: 1000, height: 750, fit: 'fill' } });
    expect(only?.uses).toEqual([]);
    expect(only?.children).toHaveLength(2);
  });

  it('decodes all of it, once, for what needs every pixel', () => {
    const nodes = plan(
      wishes(
        { extract: { left: 0, top: 0, width: 9, height: 9 } },
        { resize: { width: 640 } },
        { resize: { width: 9000 } },
      ),
      CONTEXT,
    );
    expect(nodes).toHaveLength(1);
    expect(nodes[0]?.operations).toEqual({});
    expect(nodes[0]?.children).toHaveLength(3);
  });

  it('reads the source directly where one output asks', () => {
    expect(plan(wishes({ resize: { width: 1024 } }), CONTEXT).map(brief)).toEqual([[1024, [0]]]);
    expect(plan(wishes({ trim: {}, resize: { width: 1024 } }), CONTEXT).map(brief)).toEqual([[1024, [0]]]);
  });

  it('decodes anew rather than hold what is too large', () => {
    const canHold = ({ width }: { readonly width: number }): boolean => width <= 640;
    const nodes = plan(
      wishes({ trim: {} }, { resize: { width: 1600 } }, { resize: { width: 640 } }, { resize: { width: 320 } }),
      { ...CONTEXT, canHold },
    );
    expect(nodes.map(brief)).toEqual([
      [1600, [1]],
      [640, [2], [320, [3]]],
      ['all', [0]],
    ]);
    expect(nodes.map(({ heavy }) => heavy)).toEqual([true, false, true]);
  });

  it('lets any number of nodes read pixels that are there', () => {
    const nodes = plan(wishes({ negate: {} }, { resize: { width: 10, height: 10 } }), { ...CONTEXT, decoded: true });
    expect(nodes).toHaveLength(2);
  });

  it('draws vectors at each size that is asked for', () => {
    const nodes = plan(wishes({ resize: { width: 9000 } }, { resize: { width: 640 } }), { ...CONTEXT, vector: true });
    expect(nodes.map(brief)).toEqual([
      [9000, [0]],
      [640, [1]],
    ]);
  });
});
