package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class WireTableTest {

  static String resource(String name) throws IOException {
    try (InputStream in = WireTableTest.class.getResourceAsStream("/wire/" + name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void describe_protocol_isWhatItsSchemaVersionWasPublishedWith() throws IOException {
    assertThat(WireTable.PROTOCOL.describe())
        .as("a changed table needs a new schema version and new files")
        .isEqualTo(resource("schema-%d-classes.txt".formatted(WireTable.PROTOCOL.version())));
  }

  @Test
  void fingerprint_recordWithOneMoreComponent_differs() {
    assertThat(table(Plain.Pair.class).fingerprint())
        .hasSize(64)
        .isNotEqualTo(table(Longer.Pair.class).fingerprint());
  }

  @Test
  void describe_componentOfAnotherNameTypeOrNumber_differs() {
    List<String> descriptions =
        List.of(
            table(Renamed.Pair.class).describe(),
            table(Retyped.Pair.class).describe(),
            table(Longer.Pair.class).describe(),
            table(Plain.Pair.class).describe());

    assertThat(descriptions.stream().map(text -> text.replaceAll("\\w+\\.Pair", "Pair")))
        .doesNotHaveDuplicates();
  }

  @Test
  void fingerprint_otherOrder_differs() {
    WireTable.Entry first = WireTable.message("a", Plain.Pair.class);
    WireTable.Entry second = WireTable.message("b", Renamed.Pair.class);

    assertThat(new WireTable(1, first, second).fingerprint())
        .isNotEqualTo(new WireTable(1, second, first).fingerprint())
        .isEqualTo(new WireTable(1, first, second).fingerprint());
  }

  @Test
  void create_componentOutsideTheTable_isRefused() {
    assertThatThrownBy(() -> table(Holder.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Holder.pair: WireTableTest.Plain.Pair (expected: a primitive");
  }

  @Test
  void create_typeWithoutSerializer_isRefused() {
    assertThatThrownBy(() -> table(Untyped.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("java.util.Map<java.lang.String, java.lang.String>");
    assertThatThrownBy(() -> table(Other.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("java.io.IOException");
  }

  @Test
  void create_kindTwice_isRefused() {
    assertThatThrownBy(
            () ->
                new WireTable(
                    1,
                    WireTable.message("a", Plain.Pair.class),
                    WireTable.message("a", Renamed.Pair.class)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("class table: a/1, Pair (expected: each once)");
  }

  private static WireTable table(Class<? extends WireMessage> type) {
    return new WireTable(1, WireTable.message("a", type));
  }

  interface Longer {
    record Pair(int a, int b, int c) implements WireMessage {}
  }

  interface Plain {
    record Pair(int a, int b) implements WireMessage {}
  }

  interface Renamed {
    record Pair(int a, int c) implements WireMessage {}
  }

  interface Retyped {
    record Pair(int a, long b) implements WireMessage {}
  }

  record Holder(Plain.Pair pair) implements WireMessage {}

  record Untyped(Map<String, String> map) implements WireMessage {}

  record Other(IOException cause) implements WireMessage {}
}
