"""Apple's Messages: a Mac's chat.db with the Mac's contacts, or an iPhone's backup with both."""
