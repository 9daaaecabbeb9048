/** What a command in this process has written. */
export interface RecordedStream {
  text: string;
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string | Uint8Array): boolean;
}

/** Standard output and error of a command that runs in this process, as text, and no terminal. */
export function recordedStreams(): { readonly stdout: RecordedStream; readonly stderr: RecordedStream } {
  return { stdout: recordedStream(), stderr: recordedStream() };
}

function recordedStream(): RecordedStream {
  return {
    text: '',
    isTTY: false,
    columns: 0,
    write(text) {
      this.text += text.toString();
      return true;
    },
  };
}
