package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.flowloop.config.OnFailure;
import io.flowloop.engine.EngineException;
import io.flowloop.rollout.RolloutBatch;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class LogContextTest {

  private final Logger logger = (Logger) LoggerFactory.getLogger("io.flowloop");
  private final ListAppender<ILoggingEvent> log =
      new ListAppender<>() {
        @Override
        protected void append(ILoggingEvent event) {
          // What it is about is the logging thread's, and asked for late.
          event.prepareForDeferredProcessing();
          super.append(event);
        }
      };
  private final RolloutRig rig = new RolloutRig();

  @BeforeEach
  void listen() {
    log.start();
    logger.addAppender(log);
    logger.setLevel(Level.INFO);
  }

  @AfterEach
  void close() {
    rig.close();
    logger.detachAppender(log);
    logger.setLevel(null);
  }

  private List<ILoggingEvent> lines(String message) {
    return List.copyOf(log.list).stream()
        .filter(event -> event.getFormattedMessage().startsWith(message))
        .toList();
  }

  @Test
  void engineThrows_linesSayStepGroupAndRows() {
    rig.engines.before(
        drawn -> {
          if (drawn.request().prompt().equals("c")) {
            throw new EngineException("out of memory");
          }
        });
    rig.onFailure = OnFailure.DROP_GROUP;

    RolloutBatch batch = rig.start().run(RolloutRig.PROMPTS, 7, RolloutListener.NONE);

    assertThat(batch.dropped()).hasSize(1);
    assertThat(lines("group 2 will not come: rows 8 to 11"))
        .singleElement()
        .satisfies(
            line ->
                assertThat(line.getMDCPropertyMap())
                    .containsEntry("step", "7")
                    .containsEntry("group", "2")
                    .containsEntry("request", "8-11"));
    assertThat(lines("engine 0 cannot draw: out of memory"))
        .hasSize(3)
        .allSatisfy(line -> assertThat(line.getMDCPropertyMap()).containsEntry("request", "8-11"));
  }
}
