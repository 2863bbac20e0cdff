/** What is left of a run to look at: metrics, event files, pictures, the report. */
@NullMarked
package io.flowloop.agentloop.track;

import org.jspecify.annotations.NullMarked;
