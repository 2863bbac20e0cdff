package io.flowloop.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Cuts what a walk left for k rows together into one trajectory a row. */
final class Unpack {

  private Unpack() {}

  /**
   * @param rows k
   * @param states W + 1 states of k·S·C numbers, or none without a window
   * @param logProbs W arrays of k numbers
   * @param last the final latents, k·S·C numbers
   */
  static List<Trajectory> trajectories(
      int rows,
      float[] sigmas,
      SdeWindow window,
      List<float[]> states,
      List<float[]> logProbs,
      float[] last) {
    List<Trajectory> trajectories = new ArrayList<>(rows);
    for (int row = 0; row < rows; row++) {
      float[][] latents = new float[states.size()][];
      for (int i = 0; i < latents.length; i++) {
        latents[i] = slice(states.get(i), row, rows);
      }
      float[] rowLogProbs = new float[logProbs.size()];
      for (int i = 0; i < rowLogProbs.length; i++) {
        rowLogProbs[i] = logProbs.get(i)[row];
      }
      trajectories.add(
          new Trajectory(latents, slice(last, row, rows), sigmas, window, rowLogProbs));
    }
    return trajectories;
  }

  private static float[] slice(float[] all, int row, int rows) {
    int size = all.length / rows;
    return Arrays.copyOfRange(all, row * size, (row + 1) * size);
  }
}
