package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProblemsTest {

  private static final Problem PROBLEM = new Problem("a", Optional.empty(), "my.conf:1", "why");

  @Test
  void add_ofTheLastThatIsRead_throwsThemAll() {
    Problems problems = new Problems();
    for (int i = 1; i < Problems.MOST; i++) {
      problems.add(PROBLEM);
    }
    assertThatThrownBy(() -> problems.add(PROBLEM))
        .isInstanceOfSatisfying(
            ConfigException.class, e -> assertThat(e.problems()).hasSize(Problems.MOST))
        .hasMessageStartingWith("200 or more problems in my.conf\n");
  }

  @Test
  void throwIfAny_ofNone_doesNot() {
    Problems problems = new Problems();
    problems.throwIfAny();
    assertThat(problems.isEmpty()).isTrue();
  }
}
