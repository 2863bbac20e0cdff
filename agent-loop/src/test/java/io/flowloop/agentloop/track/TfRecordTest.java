package io.flowloop.agentloop.track;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TfRecordTest {

  /** What the RecordWriter of TensorBoard 2.21 writes. */
  @ParameterizedTest
  @CsvSource({
    "'', 000000000000000029039807d8ea82a2",
    "123456789, 090000000000000037f97139313233343536373839e5b08ac7"
  })
  void frame_data_areTensorBoardsBytes(String data, String record) {
    assertThat(HexFormat.of().formatHex(TfRecord.frame(data.getBytes(US_ASCII)))).isEqualTo(record);
  }
}
