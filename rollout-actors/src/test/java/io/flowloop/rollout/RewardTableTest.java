package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.RgbImage;
import io.flowloop.rollout.RewardTable.Errand;
import io.flowloop.rollout.RewardTable.Settled;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RewardTableTest {

  private final RewardTable<String> table = new RewardTable<>();

  private static List<RewardPool.Image> images(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new RewardPool.Image(i, "prompt " + i, new RgbImage(1, 1, new byte[3])))
        .toList();
  }

  private List<Errand> begin() {
    List<Errand> begun = new ArrayList<>();
    for (Optional<Errand> next = table.next(); next.isPresent(); next = table.next()) {
      begun.add(next.get());
    }
    return begun;
  }

  private List<Integer> settle(Errand errand) {
    return errand.images().stream()
        .flatMap(image -> table.settle(errand.number(), image.sample()).stream())
        .map(Settled::sample)
        .toList();
  }

  private static List<String> prompts(List<Errand> errands) {
    return errands.stream()
        .flatMap(errand -> errand.images().stream())
        .map(RewardPool.Image::prompt)
        .toList();
  }

  private static List<String> prompts(int count) {
    return images(count).stream().map(RewardPool.Image::prompt).toList();
  }

  @Test
  void next_ofOneOrder_givesEachThreadItsShare() {
    table.join("small", 2);
    table.join("large", 6);
    table.add("asker", images(16));

    List<Errand> errands = begin();

    assertThat(errands).extracting(Errand::place).containsExactly("small", "large");
    assertThat(errands).extracting(errand -> errand.images().size()).containsExactly(4, 12);
    assertThat(prompts(errands)).isEqualTo(prompts(16));
  }

  @Test
  void next_placesAreFull_waitsUntilOneHasAnswered() {
    table.join("a", 1);
    for (int i = 0; i < RewardTable.PER_THREAD + 2; i++) {
      table.add("asker " + i, images(1));
    }

    List<Errand> errands = begin();

    assertThat(errands).hasSize(RewardTable.PER_THREAD);
    assertThat(table.waiting()).isEqualTo(2);
    settle(errands.getFirst());
    assertThat(begin()).hasSize(1);
    assertThat(table.busy()).isEqualTo(RewardTable.PER_THREAD);
  }

  @Test
  void next_placeOfManyThreads_hasNoMoreThanFitAMessage() {
    table.join("a", 1_000);
    table.add("asker", images(1_000));

    assertThat(prompts(begin())).hasSize(RewardTable.MOST);
  }

  @Test
  void leave_placeThatAnsweredSome_hasTheOthersDoneFirst() {
    table.join("a", 2);
    table.add("first", images(4));
    Errand errand = begin().getFirst();
    assertThat(table.settle(errand.number(), errand.images().getFirst().sample()))
        .contains(new Settled<>("first", 0));
    table.add("second", images(1));
    assertThat(table.held("a")).isEqualTo(3);

    table.leave("a");
    assertThat(table.held("a")).isZero();
    assertThat(table.hasPlace()).isFalse();
    assertThat(table.takeEnded()).containsExactly(errand.number());
    table.join("b", 4);

    assertThat(prompts(begin())).containsExactly("prompt 1", "prompt 2", "prompt 3", "prompt 0");
  }

  @Test
  void settle_afterAnotherPlaceHas_isLate() {
    table.join("a", 1);
    table.add("asker", images(2));
    Errand atA = begin().getFirst();
    table.reach("a", false);
    table.join("b", 1);
    Errand atB = begin().getFirst();
    assertThat(prompts(List.of(atB))).isEqualTo(prompts(List.of(atA)));
    table.reach("a", true);
    assertThat(begin()).isEmpty();

    assertThat(settle(atA)).containsExactly(0, 1);
    assertThat(settle(atB)).isEmpty();
    assertThat(table.takeEnded()).containsExactlyInAnyOrder(atA.number(), atB.number());
    assertThat(table.busy()).isZero();
  }

  @Test
  void reach_againBeforeAnybodyElseIsThere_waitsForTheSamePlace() {
    table.join("a", 1);
    table.add("asker", images(2));
    Errand errand = begin().getFirst();
    table.reach("a", false);
    assertThat(table.waiting()).isEqualTo(1);

    table.reach("a", true);

    assertThat(begin()).isEmpty();
    assertThat(settle(errand)).containsExactly(0, 1);
  }

  @Test
  void leave_afterItWasUnreachable_doesNotHaveItsImagesDoneTwice() {
    table.join("a", 1);
    table.add("asker", images(2));
    begin();
    table.reach("a", false);
    table.leave("a");
    table.join("b", 1);

    assertThat(prompts(begin())).isEqualTo(prompts(2));
  }

  @Test
  void lose_thirdTime_failsTheImageAndRestsThePlace() {
    table.add("asker", images(1));
    for (int i = 1; i <= RewardTable.MOST_LOSSES; i++) {
      table.join("place " + i, 1);
      assertThat(begin()).hasSize(1);
      List<Settled<String>> failed = table.lose("place " + i);

      assertThat(table.hasPlace()).isFalse();
      assertThat(failed).hasSize(i / RewardTable.MOST_LOSSES);
    }
    table.rested("place 1");
    assertThat(begin()).isEmpty();
    assertThat(table.waiting()).isZero();
  }

  @Test
  void forget_asker_endsItsErrandsAndWhatWaits() {
    table.join("a", 1);
    table.add("gone", images(6));
    Errand errand = begin().getFirst();
    table.add("other", images(1));

    table.forget("gone");

    assertThat(table.takeEnded()).containsExactly(errand.number());
    assertThat(prompts(begin())).containsExactly("prompt 0");
  }

  @Test
  void giveUp_whatWaits_failsAndNothingElse() {
    table.add("asker", images(3));

    assertThat(table.giveUp()).extracting(Settled::sample).containsExactly(0, 1, 2);
    assertThat(table.waiting()).isZero();
    table.join("a", 1);
    assertThat(begin()).isEmpty();
  }
}
