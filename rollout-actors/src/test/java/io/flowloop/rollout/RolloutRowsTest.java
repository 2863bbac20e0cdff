package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sampling;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RolloutRowsTest {

  private static final Sampling SAMPLING = Sampling.ode(2);

  /** Sizes of random rollouts; prompts may repeat. */
  record Case(List<String> prompts, int n, int step, int workers, Random random) {

    static Case of(long seed) {
      Random random = new Random(seed);
      int prompts = 1 + random.nextInt(12);
      return new Case(
          IntStream.range(0, prompts).mapToObj(_ -> "p" + random.nextInt(6)).toList(),
          2 + random.nextInt(8),
          random.nextInt(1000),
          1 + random.nextInt(9),
          random);
    }

    List<RolloutRow> rows() {
      return RolloutRows.repeatInterleaved(prompts, n, 42, step);
    }

    List<RolloutRow> shuffled() {
      List<RolloutRow> rows = new ArrayList<>(rows());
      Collections.shuffle(rows, random);
      return rows;
    }
  }

  static List<Case> cases() {
    return IntStream.range(0, 200).mapToObj(Case::of).toList();
  }

  @Test
  void repeatInterleaved_twoPromptsThrice_namesEachRow() {
    List<RolloutRow> rows = RolloutRows.repeatInterleaved(List.of("a", "b"), 3, 42, 7);

    assertThat(rows).extracting(RolloutRow::prompt).containsExactly("a", "a", "a", "b", "b", "b");
    assertThat(rows).extracting(RolloutRow::group).containsExactly(0, 0, 0, 1, 1, 1);
    assertThat(rows).extracting(RolloutRow::index).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(rows.get(4).seed()).isEqualTo(RowSeed.of(42, 7, 4));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void repeatInterleaved_behindOthers_goesOnWithTheirGroupsAndRows(Case c) {
    List<String> more = List.of("x", "y");
    List<String> all = Stream.concat(c.prompts().stream(), more.stream()).toList();
    int groups = c.prompts().size();

    List<RolloutRow> behind =
        RolloutRows.repeatInterleaved(more, c.n(), 42, c.step(), groups, groups * c.n());

    assertThat(Stream.concat(c.rows().stream(), behind.stream()))
        .containsExactlyElementsOf(RolloutRows.repeatInterleaved(all, c.n(), 42, c.step()));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void requests_interleavedRows_areThePromptsAgain(Case c) {
    RequestPlan plan = RolloutRows.requests(c.rows(), true, SAMPLING);

    assertThat(plan.requests()).extracting(RolloutRequest::prompt).isEqualTo(c.prompts());
    assertThat(plan.requests()).allMatch(request -> request.rows() == c.n());
    assertThat(seeds(plan)).isEqualTo(seeds(c.rows()));
    assertThat(plan.batching().rowsBatched()).isEqualTo(c.rows().size());
    assertThat(plan.batching().reasons()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void requests_flagOff_areTheRowsOneByOne(Case c) {
    RequestPlan plan = RolloutRows.requests(c.rows(), false, SAMPLING);

    assertThat(plan.requests()).allMatch(request -> request.rows() == 1);
    assertThat(seeds(plan)).isEqualTo(seeds(c.rows()));
    assertThat(plan.batching().rowsBatched()).isZero();
    assertThat(plan.batching().reasons()).containsExactly("rollout.enableBatchedDiffusion is off");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void requests_anyOrder_holdEveryRowOnceWithItsPrompt(Case c) {
    List<RolloutRow> rows = c.shuffled();
    RequestPlan plan = RolloutRows.requests(rows, true, SAMPLING);

    assertThat(seeds(plan)).isEqualTo(seeds(rows));
    for (RolloutRequest request : plan.requests()) {
      assertThat(request.seeds())
          .allMatch(seed -> c.rows().get(seed.row()).prompt().equals(request.prompt()));
    }
    int single = (int) plan.requests().stream().filter(request -> request.rows() == 1).count();
    assertThat(plan.batching().rowsBatched() + single).isEqualTo(rows.size());
    assertThat(plan.batching().reasons().isEmpty()).isEqualTo(single == 0);
  }

  @Test
  void requests_scatteredGroup_isReportedAndRunSinglyWhileOthersAreBatched() {
    List<RolloutRow> rows = new ArrayList<>(rows("a", "b", "c"));
    Collections.swap(rows, 1, 2);

    RequestPlan plan = RolloutRows.requests(rows, true, SAMPLING);

    assertThat(plan.requests()).extracting(RolloutRequest::rows).containsExactly(1, 1, 1, 1, 2);
    assertThat(plan.batching())
        .hasToString(
            "batched 2/6 rows in 5 requests"
                + " (the rows of group 0 are not adjacent; the rows of group 1 are not adjacent)");
  }

  @Test
  void requests_neighboursThatDifferInPrompt_areReportedAndRunSingly() {
    List<RolloutRow> rows = new ArrayList<>(rows("a", "b"));
    rows.set(1, rows.get(1).withPrompt("other"));

    RequestPlan plan = RolloutRows.requests(rows, true, SAMPLING);

    assertThat(plan.requests())
        .extracting(RolloutRequest::prompt)
        .containsExactly("a", "other", "b");
    assertThat(plan.batching().reasons()).containsExactly("the rows of group 0 differ in prompt");
  }

  @Test
  void requests_groupsOfOne_countAsSingle() {
    List<RolloutRow> rows = RolloutRows.repeatInterleaved(List.of("a", "b"), 1, 42, 0);

    assertThat(RolloutRows.requests(rows, true, SAMPLING).batching())
        .hasToString("batched 0/2 rows in 2 requests (a group of one row has nothing to batch)");
  }

  @Test
  void requests_samePromptInTwoGroups_staysTwoRequests() {
    assertThat(RolloutRows.requests(rows("a", "a"), true, SAMPLING).requests()).hasSize(2);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void chunks_interleavedRows_keepOrderAndCutNoGroup(Case c) {
    List<List<RolloutRow>> chunks = RolloutRows.chunks(c.rows(), c.workers());

    assertThat(chunks.stream().flatMap(List::stream)).isEqualTo(c.rows());
    assertThat(chunks).hasSize(Math.min(c.workers(), c.prompts().size()));
    assertNoGroupIsCut(chunks);
    IntStream.range(0, chunks.size() - 1)
        .forEach(
            i ->
                assertThat(Math.abs(chunks.get(i).size() - chunks.get(i + 1).size()))
                    .isLessThanOrEqualTo(c.n()));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void chunks_anyOrder_cutNoGroup(Case c) {
    List<RolloutRow> rows = c.shuffled();
    List<List<RolloutRow>> chunks = RolloutRows.chunks(rows, c.workers());

    assertThat(chunks.stream().flatMap(List::stream)).isEqualTo(rows);
    assertThat(chunks).hasSizeBetween(1, c.workers());
    assertNoGroupIsCut(chunks);
  }

  @Test
  void chunks_noWorker_isRefused() {
    assertThatThrownBy(() -> RolloutRows.chunks(rows("a"), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("workers: 0");
  }

  private static void assertNoGroupIsCut(List<List<RolloutRow>> chunks) {
    List<Integer> groupsOfChunks =
        chunks.stream()
            .map(chunk -> chunk.stream().map(RolloutRow::group).collect(Collectors.toSet()))
            .flatMap(Set::stream)
            .toList();
    assertThat(groupsOfChunks).doesNotHaveDuplicates();
  }

  private static List<RolloutRow> rows(String... prompts) {
    return RolloutRows.repeatInterleaved(List.of(prompts), 2, 42, 0);
  }

  private static List<RowSeed> seeds(RequestPlan plan) {
    return plan.requests().stream().flatMap(request -> request.seeds().stream()).toList();
  }

  private static List<RowSeed> seeds(List<RolloutRow> rows) {
    return rows.stream().map(RolloutRow::seed).toList();
  }
}
