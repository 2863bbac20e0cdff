package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.PromptEmbedding;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PromptCacheTest {

  /** Of one token: three numbers and a flag. */
  private static final long SIZE = 3 * Float.BYTES + 1;

  private static final String NEGATIVE = "no";

  private final List<String> encoded = new ArrayList<>();

  /** As many tokens as the prompt has letters. */
  private PromptEmbedding encode(String prompt) {
    encoded.add(prompt);
    return new PromptEmbedding(new float[3 * prompt.length()], new boolean[prompt.length()], 3);
  }

  private PromptEmbedding get(PromptCache cache, String prompt) {
    return cache.get(prompt, this::encode);
  }

  @Test
  void get_promptThatIsKnown_isNotEncodedAgain() {
    PromptCache cache = new PromptCache(10 * SIZE, NEGATIVE);

    assertThat(get(cache, "ab")).isSameAs(get(cache, "ab"));
    assertThat(encoded).containsExactly("ab");
    assertThat(cache.encoded()).isEqualTo(1);
    assertThat(cache.bytes()).isEqualTo(2 * SIZE);
  }

  @Test
  void get_moreThanFits_forgetsThoseAskedForLongestAgo() {
    PromptCache cache = new PromptCache(3 * SIZE, NEGATIVE);
    get(cache, "a");
    get(cache, "b");
    get(cache, "c");
    get(cache, "a");
    get(cache, "dd");
    assertThat(cache.bytes()).isEqualTo(3 * SIZE);
    encoded.clear();

    get(cache, "a");
    get(cache, "dd");
    assertThat(encoded).isEmpty();
    get(cache, "b");
    get(cache, "c");
    assertThat(encoded).containsExactly("b", "c");
    assertThat(cache.bytes()).isLessThanOrEqualTo(3 * SIZE);
  }

  @Test
  void get_promptLargerThanTheCache_leavesTheOthersThere() {
    PromptCache cache = new PromptCache(2 * SIZE, NEGATIVE);
    get(cache, "a");
    get(cache, "long");
    get(cache, "long");
    get(cache, "a");

    assertThat(encoded).containsExactly("a", "long", "long");
    assertThat(cache.bytes()).isEqualTo(SIZE);
  }

  @Test
  void get_noRoom_keepsNothing() {
    PromptCache cache = new PromptCache(0, NEGATIVE);
    get(cache, "a");
    get(cache, "a");

    assertThat(encoded).containsExactly("a", "a");
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void get_negativePrompt_isNeverForgotten() {
    PromptCache cache = new PromptCache(3 * SIZE, NEGATIVE);
    PromptCache none = new PromptCache(0, NEGATIVE);
    for (String prompt : List.of(NEGATIVE, "a", "b", "c", NEGATIVE)) {
      get(cache, prompt);
    }
    assertThat(encoded).containsExactly(NEGATIVE, "a", "b", "c");
    assertThat(cache.bytes()).isEqualTo(3 * SIZE);
    encoded.clear();

    for (String prompt : List.of(NEGATIVE, "a", NEGATIVE, "a")) {
      get(none, prompt);
    }
    assertThat(encoded).containsExactly(NEGATIVE, "a", "a");
  }

  @Test
  void get_promptThatCannotBeEncoded_isTriedAgain() {
    PromptCache cache = new PromptCache(SIZE, NEGATIVE);

    assertThatThrownBy(
            () ->
                cache.get(
                    "a",
                    _ -> {
                      throw new IllegalArgumentException("too long");
                    }))
        .hasMessage("too long");
    assertThat(get(cache, "a").tokens()).isEqualTo(1);
  }
}
