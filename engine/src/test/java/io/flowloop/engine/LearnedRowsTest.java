package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LearnedRowsTest {

  private static final PromptEmbedding PROMPT =
      new PromptEmbedding(new float[2], new boolean[1], 2);

  @Test
  void asDrawn_groupsOfOneForward_areTheForwards() {
    List<TrainingSample> batch = batch(4, 4, 4, 4, 4, 4, 4, 4);

    assertThat(rows(LearnedRows.asDrawn(batch)))
        .containsExactly(List.of(0, 1, 2, 3), List.of(4, 5, 6, 7));
  }

  @Test
  void asDrawn_groupsThatWereCutIntoSubBatches_areCutThere() {
    // Two groups of five rows, of which a forward held two.
    List<TrainingSample> batch = batch(2, 2, 2, 2, 1, 2, 2, 2, 2, 1);

    assertThat(rows(LearnedRows.asDrawn(batch)))
        .containsExactly(
            List.of(0, 1), List.of(2, 3), List.of(4), List.of(5, 6), List.of(7, 8), List.of(9));
  }

  @Test
  void asDrawn_forwardOfSeveralGroupsWhoseSamplesCameInAnotherOrder_isAsItWasDrawn() {
    List<TrainingSample> drawn = batch(4, 4, 4, 4, 2, 2);
    List<TrainingSample> batch = Stream.of(2, 3, 4, 5, 0, 1).map(drawn::get).toList();

    assertThat(rows(LearnedRows.asDrawn(batch)))
        .containsExactly(List.of(0, 1, 2, 3), List.of(4, 5));
  }

  @Test
  void asDrawn_groupOfAForwardIsMissing_hasTheRowsThatAreLeft() {
    List<TrainingSample> batch = batch(4, 4, 4, 4, 2, 2);

    assertThat(rows(LearnedRows.asDrawn(batch.subList(2, 6))))
        .containsExactly(List.of(2, 3), List.of(4, 5));
  }

  @Test
  void of_anySize_cutsRegardlessOfTheForwards() {
    List<TrainingSample> batch = batch(2, 2, 2, 2, 1);

    assertThat(rows(LearnedRows.of(3, batch))).containsExactly(List.of(0, 1, 2), List.of(3, 4));
    assertThat(rows(LearnedRows.of(9, batch))).containsExactly(List.of(0, 1, 2, 3, 4));
  }

  @Test
  void of_promptsOfOtherLengths_cutsBetweenThem() {
    PromptEmbedding longer = new PromptEmbedding(new float[4], new boolean[2], 2);
    List<TrainingSample> batch = new ArrayList<>(batch(1, 1, 1));
    batch.add(sample(3, 3, 1, longer));
    batch.add(sample(4, 4, 1, longer));
    batch.add(sample(5, 5, 1, PROMPT));

    assertThat(rows(LearnedRows.of(2, batch)))
        .containsExactly(List.of(0, 1), List.of(2), List.of(3, 4), List.of(5));
    assertThat(rows(LearnedRows.of(9, batch)))
        .containsExactly(List.of(0, 1, 2), List.of(3, 4), List.of(5));
  }

  @Test
  void miniBatches_forwardsThatDivideThem_holdExactlySoMany() {
    List<LearnedRows> forwards = LearnedRows.asDrawn(batch(2, 2, 2, 2, 2, 2));

    assertThat(LearnedRows.miniBatches(2, forwards)).hasSize(3);
    assertThat(LearnedRows.miniBatches(4, forwards))
        .containsExactly(forwards.subList(0, 2), forwards.subList(2, 3));
    assertThat(LearnedRows.miniBatches(6, forwards)).containsExactly(forwards);
  }

  @Test
  void miniBatches_forwardsThatDoNotDivideThem_neverCutAForward() {
    List<LearnedRows> forwards = LearnedRows.asDrawn(batch(2, 2, 1, 2, 2, 1));

    assertThat(LearnedRows.miniBatches(3, forwards))
        .containsExactly(forwards.subList(0, 2), forwards.subList(2, 4));
    assertThat(LearnedRows.miniBatches(1, forwards)).hasSize(4);
  }

  @Test
  void latents_eachStep_standRowByRow() {
    LearnedRows rows = LearnedRows.of(2, batch(1, 1)).getFirst();

    assertThat(rows.size()).isEqualTo(2);
    assertThat(rows.window()).isEqualTo(new SdeWindow(1, 2));
    assertThat(rows.latents(0)).containsExactly(0, 0.5f, 1, 1.5f);
    assertThat(rows.latents(2)).containsExactly(20, 20.5f, 21, 21.5f);
    assertThat(rows.logProbs(1)).containsExactly(-10, -11);
    assertThat(rows.advantages()).containsExactly(0, 0.25f);
  }

  @Test
  void haveOnePrompt_rowsOfTwoPrompts_doNot() {
    List<TrainingSample> batch = new ArrayList<>(batch(1, 1));
    // Another request's, as it comes from another node.
    batch.add(sample(2, 2, 1, new PromptEmbedding(new float[2], new boolean[1], 2)));
    assertThat(new LearnedRows(batch).haveOnePrompt()).isTrue();

    batch.add(sample(3, 3, 1, new PromptEmbedding(new float[] {0, 1}, new boolean[1], 2)));
    assertThat(new LearnedRows(batch).haveOnePrompt()).isFalse();
  }

  private static List<List<Integer>> rows(List<LearnedRows> forwards) {
    return forwards.stream()
        .map(rows -> rows.samples().stream().map(row -> row.sample().row().row()).toList())
        .toList();
  }

  /** Rows that were drawn one after the other, by the number of rows in the forward of each. */
  private static List<TrainingSample> batch(int... rowsPerForward) {
    List<TrainingSample> batch = new ArrayList<>();
    int first = 0;
    for (int row = 0; row < rowsPerForward.length; row++) {
      if (row == first + rowsPerForward[first]) {
        first = row;
      }
      batch.add(sample(row, first, rowsPerForward[row], PROMPT));
    }
    return batch;
  }

  private static TrainingSample sample(
      int row, int firstOfForward, int rowsPerForward, PromptEmbedding prompt) {
    float[][] latents = new float[3][];
    for (int state = 0; state < latents.length; state++) {
      latents[state] = new float[] {10 * state + row, 10 * state + row + 0.5f};
    }
    Trajectory trajectory =
        new Trajectory(
            latents,
            new float[2],
            new float[] {1, 0.75f, 0.5f, 0.25f, 0},
            new SdeWindow(1, 2),
            new float[] {-row, -10 - row});
    SampleTimings timings =
        new SampleTimings(
            firstOfForward,
            row - firstOfForward,
            rowsPerForward,
            4,
            0,
            Duration.ZERO,
            Duration.ZERO,
            Duration.ZERO);
    Sample sample =
        new Sample(
            new RowSeed(row, row), new RgbImage(1, 1, new byte[3]), trajectory, prompt, 0, timings);
    return new TrainingSample(sample, row / 4.0);
  }
}
