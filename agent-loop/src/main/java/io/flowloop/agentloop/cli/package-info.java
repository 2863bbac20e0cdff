/** The command line: what {@code ./flowloop} runs. */
@NullMarked
package io.flowloop.agentloop.cli;

import org.jspecify.annotations.NullMarked;
