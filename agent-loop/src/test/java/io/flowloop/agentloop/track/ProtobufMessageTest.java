package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class ProtobufMessageTest {

  private static String hex(ProtobufMessage message) {
    return HexFormat.of().formatHex(message.encoded());
  }

  /** The first example of the encoding's specification: field 1, value 150. */
  @Test
  void int64_twoByteVarint_isLowBitsFirst() {
    assertThat(hex(new ProtobufMessage().int64(1, 150))).isEqualTo("089601");
  }

  @Test
  void int64_negative_hasTenBytes() {
    assertThat(hex(new ProtobufMessage().int64(2, -1))).isEqualTo("10ffffffffffffffffff01");
  }

  /** What protobuf's Python makes of Event(wall_time=1.5, step=3, summary {"a": 0.5}). */
  @Test
  void message_event_isWhatProtobufMakesOfIt() {
    ProtobufMessage value = new ProtobufMessage().string(1, "a").float32(2, 0.5f);
    ProtobufMessage event =
        new ProtobufMessage()
            .float64(1, 1.5)
            .int64(2, 3)
            .message(5, new ProtobufMessage().message(1, value));

    assertThat(hex(event)).isEqualTo("09000000000000f83f10032a0a0a080a0161150000003f");
  }
}
