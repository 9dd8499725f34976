"""A referral as agencies other than NCMEC take it: one document, printed, packed with its files and sealed."""
