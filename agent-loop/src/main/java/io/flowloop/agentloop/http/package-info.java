/** What a running flowloop tells those who watch it, over HTTP: its health and its metrics. */
@NullMarked
package io.flowloop.agentloop.http;

import org.jspecify.annotations.NullMarked;
