# The formula for the project's own tap. scripts/publish.sh fills in the values between at signs. Not for homebrew-core, which accepts
# only what it can build itself: the Agent SDK ships the CLI as a finished program.
class ClaudeServe < Formula
  desc "Local HTTP API in front of your own Claude Code CLI"
  homepage "@HOMEPAGE@"
  url "@URL@"
  sha256 "@SHA256@"
  license "MIT"

  depends_on "node"

  def install
    system "npm", "install", *std_npm_args
    bin.install_symlink libexec.glob("bin/*")
  end

  service do
    run [opt_bin/"claude-serve", "serve"]
    keep_alive crashed: true
    working_dir Dir.home
    environment_variables PATH: std_service_path_env
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/claude-serve --version")
    ENV["CLAUDE_SERVE_PORT"] = "6000"
    settings = JSON.parse(shell_output("#{bin}/claude-serve serve --print-config --json"))
    assert_equal 6000, settings["port"]["value"]
  end
end
