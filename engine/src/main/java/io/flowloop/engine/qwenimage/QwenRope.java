package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.TensorScope;
import java.util.List;

/**
 * Where the tokens of a picture and its prompt are, as angles: frame, line and column turn parts of
 * a head of their own. A picture's middle is the origin of lines and columns; a prompt's tokens
 * follow on the diagonal behind its edge, at the same place on all three axes.
 */
final class QwenRope implements Mmdit.Places {

  private static final float THETA = 10_000;

  /** Tokens of a text that the first table is made for. */
  private static final int TEXT = 256;

  private final NDManager manager;
  private final List<Integer> axes;
  private final int rows;
  private final int columns;
  private final NDArray none;

  /** Those of the picture and of the longest text so far, whose start is that of every text. */
  private NDArray longest;

  /**
   * @param manager owns the tables
   * @param axes features of a head that turn with frame, line and column
   * @param rows image tokens in a column
   * @param columns image tokens in a line
   */
  QwenRope(NDManager manager, List<Integer> axes, int rows, int columns) {
    this.manager = manager;
    this.axes = axes;
    this.rows = rows;
    this.columns = columns;
    this.none = TensorScope.own(manager.create(new float[0]), manager);
    this.longest = create(TEXT);
  }

  @Override
  public NDArray added() {
    return none;
  }

  @Override
  public NDArray rotations(int text) {
    int tokens = rows * columns + text;
    if (tokens > longest.getShape().get(0)) {
      longest.close();
      longest = create(2 * text);
    }
    return longest.get(new NDIndex(":{}", tokens));
  }

  private NDArray create(int text) {
    int turns = axes.stream().mapToInt(axis -> axis / 2).sum();
    int tokens = rows * columns + text;
    return TensorScope.own(manager.create(table(text), new Shape(tokens, turns, 2)), manager);
  }

  /** Cosine and sine of each angle, token by token. */
  float[] table(int text) {
    int turns = axes.stream().mapToInt(axis -> axis / 2).sum();
    float[] table = new float[(rows * columns + text) * turns * 2];
    int at = 0;
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        at = put(table, at, 0, row - (rows - rows / 2), column - (columns - columns / 2));
      }
    }
    int edge = Math.max(rows / 2, columns / 2);
    for (int token = 0; token < text; token++) {
      at = put(table, at, edge + token, edge + token, edge + token);
    }
    return table;
  }

  private int put(float[] table, int from, int... places) {
    int at = from;
    for (int axis = 0; axis < places.length; axis++) {
      int width = axes.get(axis);
      for (int i = 0; i < width; i += 2) {
        // In float32 up to the angle, as the model was trained.
        float angle = places[axis] * (1 / (float) Math.pow(THETA, (float) i / width));
        table[at++] = (float) Math.cos(angle);
        table[at++] = (float) Math.sin(angle);
      }
    }
    return at;
  }
}
