package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptChecksTest {

  private static void refuseCats(String prompt) {
    if (prompt.contains("cat")) {
      throw new IllegalArgumentException("a cat in '%s'".formatted(prompt));
    }
  }

  @TempDir Path temp;

  private String file(String content) throws IOException {
    return Files.writeString(temp.resolve("p.txt"), content).toString();
  }

  @Test
  void read_goodPrompts_returnsThemInOrder() throws IOException {
    assertThat(PromptChecks.read(file("b\n\n# no\na\n"), List.of(PromptChecksTest::refuseCats)))
        .containsExactly("b", "a");
  }

  @Test
  void read_badPrompts_tellsThePlaceOfEach() throws IOException {
    String file = file("a dog\na cat\n\ntwo cats\n");

    assertThatThrownBy(() -> PromptChecks.read(file, List.of(PromptChecksTest::refuseCats)))
        .isInstanceOf(BadInputException.class)
        .hasMessage(
            "2 problems in %1$s\n  %1$s:2  a cat in 'a cat'\n  %1$s:4  a cat in 'two cats'"
                .formatted(file));
  }

  @Test
  void read_veryManyBadPrompts_showsTheFirst() throws IOException {
    String file = file("cat\n".repeat(1000));

    assertThatThrownBy(() -> PromptChecks.read(file, List.of(PromptChecksTest::refuseCats)))
        .hasMessageStartingWith("1000 problems")
        .hasMessageContaining(":20 ")
        .hasMessageNotContaining(":21 ")
        .hasMessageEndingWith("and 980 more");
  }
}
