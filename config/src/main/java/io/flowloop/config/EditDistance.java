package io.flowloop.config;

/** The Levenshtein distance: fewest characters inserted, deleted or replaced between two texts. */
public final class EditDistance {

  private EditDistance() {}

  /** The distance in Unicode code points, 0 for equal texts. */
  public static int between(String left, String right) {
    int[] columns = right.codePoints().toArray();
    int[] distances = new int[columns.length + 1];
    for (int column = 0; column <= columns.length; column++) {
      distances[column] = column;
    }
    int row = 0;
    for (int character : left.codePoints().toArray()) {
      row++;
      int diagonal = distances[0];
      distances[0] = row;
      for (int column = 1; column <= columns.length; column++) {
        int replaced = diagonal + (character == columns[column - 1] ? 0 : 1);
        diagonal = distances[column];
        distances[column] =
            Math.min(replaced, 1 + Math.min(distances[column - 1], distances[column]));
      }
    }
    return distances[columns.length];
  }
}
