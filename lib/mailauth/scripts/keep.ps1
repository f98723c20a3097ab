function New-OwnerFile {
    # Makes an empty file that only its owner can read, and returns its full path. Refuses one that exists.
    param([string] $Path)
    if (-not $Path) { throw 'Say where the secret goes: it is shown once. Run the script with the parameter that its head names.' }
    $Full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
    $File = [System.IO.File]::Open($Full, [System.IO.FileMode]::CreateNew)
    $File.Dispose()
    if ($PSVersionTable['PSEdition'] -eq 'Desktop' -or $IsWindows) {
        $Owner = [System.Security.Principal.WindowsIdentity]::GetCurrent().User
        $Rule = New-Object -TypeName 'System.Security.AccessControl.FileSystemAccessRule' -ArgumentList @($Owner, 'FullControl', 'Allow')
        $Acl = New-Object -TypeName 'System.Security.AccessControl.FileSecurity'
        $Acl.SetAccessRuleProtection($true, $false)
        $Acl.AddAccessRule($Rule)
        Set-Acl -LiteralPath $Full -AclObject $Acl -Confirm:$false -ErrorAction Stop
    }
    else {
        chmod 600 $Full
        if ($LASTEXITCODE -ne 0) { throw ('The access to ' + $Full + ' cannot be limited to its owner.') }
    }
    return $Full
}

function Save-Secret {
    # Sends, and writes one field of the reply into a file that only its owner can read. The file is there before the
    # secret is made: a full disk must not cost it.
    param([string] $Path, [string] $Field, [scriptblock] $Send)
    $Full = New-OwnerFile $Path
    try {
        $Reply = Invoke-Patiently $Send
        [System.IO.File]::WriteAllText($Full, [string] (Get-Field $Reply $Field))
    }
    finally {
        if ((Get-Item -LiteralPath $Full).Length -eq 0) { Remove-Item -LiteralPath $Full -Confirm:$false }
    }
}
